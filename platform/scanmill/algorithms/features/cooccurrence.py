"""Grey level co-occurrence: how often two levels are neighbours, for every direction."""

from __future__ import annotations

from itertools import product

import numpy as np

from scanmill.arrays import Array, is_device_array, xp_of
from scanmill.errors import InputError

HIGHEST = 2**16 - 1
"""The highest level that the kernel's integers hold."""
LEAST_RUN = 2**18
"""The voxels that one core counts alone: under a millisecond's work. On a GPU a 64th."""


def directions(n_axes: int) -> list[tuple[int, ...]]:
    """One of each pair of opposite neighbours, in array order: 4 in a plane, 13 in space.

    >>> directions(2)
    [(0, 1), (1, -1), (1, 0), (1, 1)]
    >>> len(directions(3))
    13
    """
    return [step for step in product((-1, 0, 1), repeat=n_axes) if step > (0,) * n_axes]


def cooccurrence_matrices(levels: Array, n_levels: int | None = None, *, distance: int = 1) -> Array:
    """Symmetric counts (direction, level, level), int64, of neighbours at ``distance`` in levels 1 ... n_levels.

    ``levels`` (z, y, x) or (y, x) are those of :func:`grey_levels`, 65535 at most; a pair with a 0 (outside the region)
    does not count. A direction is a step of ``distance`` voxels along each axis that it moves on (Chebyshev), whatever
    the spacing. R. M. Haralick, K. Shanmugam, I. Dinstein, IEEE Trans. Syst. Man Cybern. 3 (1973) 610-621.

    >>> import numpy as np
    >>> cooccurrence_matrices(np.array([[1, 1, 2]]))[0].tolist()
    [[2, 1], [1, 0]]
    """
    if distance < 1 or levels.dtype.kind not in "iu":
        raise InputError("co-occurrence needs integer levels and a distance of 1 or more", got=(levels.dtype, distance))
    highest = int(levels.view(levels.dtype.str.replace("i", "u")).max())  # a negative level seen as a huge one
    most = highest if n_levels is None else n_levels
    if not 1 <= most <= HIGHEST or highest > most:
        found = int(levels.min()), int(levels.max())
        raise InputError("levels lie outside 1 ... n_levels", expected=(1, min(most, HIGHEST)), got=found)
    planes = xp_of(levels).atleast_2d(levels)
    counts = _one_way(planes, most, distance)[: len(directions(levels.ndim))]
    return counts + counts.transpose(0, 2, 1)


def _one_way(levels: Array, most: int, distance: int) -> Array:
    """How often level b follows a, (direction, a, b) int64, in two axes or more: the sum of the bands' tables."""
    from scanmill.kernels.cooccurrence import COUNT

    xp = xp_of(levels)
    padded, steps, n = _with_zeros(levels, distance)
    jumps = [sum(s * step for s, step in zip(way, steps[:-1], strict=True)) for way in directions(levels.ndim - 1)]
    n_rows, n_tables = most + 1, 1 + 3 * len(jumps)
    run = _run(levels, n_tables * n_rows**2)
    tables = xp.zeros((-(-n // run), n_tables, n_rows**2), dtype=xp.int32)
    COUNT(len(tables) * len(jumps), padded, xp.asarray(jumps), steps[-1], n, run, np.uint32(n_rows), tables)
    return tables.sum(axis=0, dtype=xp.int64).reshape(n_tables, n_rows, n_rows)[:, 1:, 1:]


def _with_zeros(levels: Array, distance: int) -> tuple[Array, list[int], int]:
    """The levels as the kernel wants them, flat: what a step along each axis is there, and the end of what is not zero.

    >>> import numpy as np
    >>> padded, steps, end = _with_zeros(np.array([[1, 2], [3, 4]]), 1)
    >>> padded.tolist(), steps, end
    ([1, 2, 0, 3, 4, 0, 0, 0, 0], [3, 1], 5)
    """
    xp = xp_of(levels)
    reach = [min(distance, n) for n in levels.shape]
    padded = xp.zeros([n + r for n, r in zip(levels.shape, reach, strict=True)], dtype=xp.uint16)
    padded[tuple(slice(n) for n in levels.shape)] = levels
    apart = [stride // padded.itemsize for stride in padded.strides]
    end = 1 + sum((n - 1) * voxels for n, voxels in zip(levels.shape, apart, strict=True))
    return padded.ravel(), [r * voxels for r, voxels in zip(reach, apart, strict=True)], end


def _run(levels: Array, n_counters: int) -> int:
    """The voxels of a band: enough that its tables are small beside it, and few enough that no counter runs over."""
    least = LEAST_RUN // 64 if is_device_array(levels) else LEAST_RUN
    return min(max(4 * n_counters, least), 2**30)
