"""Which points of a Cartesian k-space are measured: regular, CAIPI, partial Fourier, with a calibration region.

All are bool, over two encoded axes (z, y) or any other two, or over one; zero frequency is at n // 2. For the
``sampling_mask`` of `KSpace` put axes of one where a mask does not vary: ``mask[:, :, None]`` over (z, y),
``mask[None, :, None]`` over y.
"""

from __future__ import annotations

import math

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import SpecError

Pair = tuple[int, int]


def regular(n: int, acceleration: int, *, n_calibration: int = 0) -> HostArray:
    """Every ``acceleration``-th of ``n`` lines, zero frequency among them, and ``n_calibration`` around it.

    >>> regular(9, 4).nonzero()[0].tolist(), regular(9, 4, n_calibration=3).nonzero()[0].tolist()
    ([0, 4, 8], [0, 3, 4, 5, 8])
    """
    return np.asarray(caipi((1, n), (1, acceleration), calibration=(1, n_calibration))[0])


def caipi(shape: Pair, acceleration: Pair, *, shift: int = 0, calibration: Pair = (0, 0)) -> HostArray:
    """Every R₁-th line and every R₂-th column, each next line of them shifted on by ``shift`` columns.

    2D CAIPIRINHA for 0 < shift < R₂: F. A. Breuer et al., Magn. Reson. Med. 55 (2006) 549; ``shift`` 0 is the plain
    lattice. Zero frequency is on it. ``calibration`` is the size of the full box in the middle.

    >>> caipi((4, 4), (2, 2), shift=1).astype(int).tolist()
    [[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    """
    if min(acceleration) < 1 or any(r > n for r, n in zip(acceleration, shape, strict=True)):
        raise SpecError("an acceleration lies between 1 and the number of lines", expected=shape, got=acceleration)
    i, j = (np.arange(n) - n // 2 for n in shape)
    lines, offsets = i % acceleration[0] == 0, (i // acceleration[0]) * shift
    lattice = lines[:, None] & ((j[None, :] - offsets[:, None]) % acceleration[1] == 0)
    return np.asarray(lattice | calibration_box(shape, calibration))


def partial_fourier(n: int, fraction: float) -> HostArray:
    """The lower ``fraction`` (above one half) of ``n`` lines: what partial Fourier leaves out lies above.

    >>> int(partial_fourier(16, 0.625).sum())
    10
    """
    if not 0.5 < fraction <= 1:
        raise SpecError("partial Fourier takes more than half", expected="above 0.5, up to 1", got=fraction)
    return np.arange(n) < max(math.ceil(fraction * n), n // 2 + 1)


def calibration_box(shape: Pair, size: Pair) -> HostArray:
    """The box of ``size`` around zero frequency.

    >>> calibration_box((1, 6), (1, 2)).astype(int).tolist()
    [[0, 0, 1, 1, 0, 0]]
    """
    if any(not 0 <= s <= n for s, n in zip(size, shape, strict=True)):
        raise SpecError("a calibration region lies within k-space", expected=shape, got=size)
    box = np.zeros(shape, dtype=bool)
    box[tuple(slice(n // 2 - s // 2, n // 2 - s // 2 + s) for s, n in zip(size, shape, strict=True))] = True
    return box
