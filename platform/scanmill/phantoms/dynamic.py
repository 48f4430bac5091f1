"""Objects that change from frame to frame: contrast that arrives, and breathing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.phantoms.phantom import Phantom


def enhancing(phantom: Phantom, index: int, values: Sequence[float]) -> list[Phantom]:
    """One phantom a frame, in which the ellipsoid ``index`` takes one value after the other.

    >>> from scanmill.phantoms.shepp_logan import shepp_logan_2d
    >>> [frame.ellipsoids[4].value for frame in enhancing(shepp_logan_2d(), 4, [0.1, 0.4])]
    [0.1, 0.4]
    """
    if not -len(phantom.ellipsoids) <= index < len(phantom.ellipsoids):
        raise InputError("the phantom has no such ellipsoid", expected=f"below {len(phantom.ellipsoids)}", got=index)
    bricks = list(phantom.ellipsoids)
    chosen, frames = bricks[index], []
    for value in values:
        bricks[index] = replace(chosen, value=float(value))
        frames.append(Phantom(tuple(bricks)))
    return frames


def breathing(time_s: npt.ArrayLike, *, period_s: float = 4.0, amplitude_mm: float = 10.0) -> HostArray:
    """The shift along z (...) in mm, from 0 at the end of expiration to ``amplitude_mm``: amplitude sin⁴(π t / period).

    A. E. Lujan, E. W. Larsen, J. M. Balter, R. K. Ten Haken, Med. Phys. 26 (1999) 715, equation 1 with n = 2.

    >>> breathing([0.0, 2.0, 4.0]).round(9).tolist()
    [0.0, 10.0, 0.0]
    """
    if not period_s > 0:
        raise InputError("breathing needs a period above 0", got=period_s)
    return np.asarray(amplitude_mm * np.sin(np.pi * np.asarray(time_s, dtype=np.float64) / period_s) ** 4)
