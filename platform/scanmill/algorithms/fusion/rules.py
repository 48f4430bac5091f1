"""Which image speaks in a band: rules for bands (n, ...) of n images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import SpecError

Rule = Literal["max-abs", "local-energy", "average"]
WINDOW = 3
"""Voxels of the window of the local energy, along each axis."""


def combine(bands: Array, rule: Rule, *, axis_count: int | None = None) -> Array:
    """Bands (n, ...) of n images to one band (...), by ``rule``.

    ``max-abs`` takes the coefficient of greatest magnitude, ``local-energy`` that of the image whose mean square over
    `WINDOW` voxels along the last ``axis_count`` axes (all of them by default) is greatest (P. J. Burt,
    R. J. Kolczynski, ICCV 1993), ``average`` the mean. Among equals the first image is taken.

    >>> import numpy as np
    >>> combine(np.array([[1.0, -3.0], [2.0, 1.0]]), "max-abs").tolist()
    [2.0, -3.0]
    """
    if rule not in _ACTIVITY:
        raise SpecError("unknown rule of fusion", expected=", ".join(_ACTIVITY), got=rule)
    measure = _ACTIVITY[rule]
    if measure is None:
        return bands.mean(axis=0)
    n_axes = bands.ndim - 1 if axis_count is None else axis_count
    return choose(bands, measure(bands, n_axes))


def choose(bands: Array, activity: Array) -> Array:
    """The value of the image whose ``activity`` (n, ...) is greatest, voxel by voxel."""
    xp = xp_of(bands)
    return xp.take_along_axis(bands, activity.argmax(axis=0)[None], axis=0)[0]


def _magnitude(bands: Array, n_axes: int) -> Array:
    return abs(bands)


def _local_energy(bands: Array, n_axes: int) -> Array:
    sizes = [1] * (bands.ndim - n_axes) + [WINDOW if n > 1 else 1 for n in bands.shape[bands.ndim - n_axes :]]
    return ndimage_of(bands).uniform_filter(bands * bands, sizes, mode="mirror")


_ACTIVITY: Mapping[str, Callable[[Array, int], Array] | None] = {
    "max-abs": _magnitude,
    "local-energy": _local_energy,
    "average": None,
}
