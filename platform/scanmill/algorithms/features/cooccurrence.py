"""Grey level co-occurrence: how often two levels are neighbours, for every direction."""

from __future__ import annotations

from itertools import product

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


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

    ``levels`` (z, y, x) or (y, x) are those of :func:`grey_levels`; a pair with a 0 (outside the region) does not
    count. A direction is a step of ``distance`` voxels along each axis that it moves on (Chebyshev), whatever the
    spacing. R. M. Haralick, K. Shanmugam, I. Dinstein, IEEE Trans. Syst. Man Cybern. 3 (1973) 610-621.

    >>> import numpy as np
    >>> cooccurrence_matrices(np.array([[1, 1, 2]]))[0].tolist()
    [[2, 1], [1, 0]]
    """
    xp = xp_of(levels)
    if distance < 1 or levels.dtype.kind not in "iu":
        raise InputError("co-occurrence needs integer levels and a distance of 1 or more", got=(levels.dtype, distance))
    most = int(levels.max()) if n_levels is None else n_levels
    if most < 1 or int(levels.max()) > most or int(levels.min()) < 0:
        raise InputError("levels lie outside 1 ... n_levels", expected=most, got=int(levels.max()))
    steps = directions(levels.ndim)
    counts = xp.zeros((len(steps), most, most), dtype=xp.int64)
    for one, step in zip(counts, steps, strict=True):
        a, b = _neighbours(levels, [distance * s for s in step])
        both = (a > 0) & (b > 0)
        pairs = (a[both].astype(xp.int64) - 1) * most + b[both] - 1
        one += xp.bincount(pairs, minlength=most * most).reshape(most, most)
    return counts + counts.transpose(0, 2, 1)


def _neighbours(levels: Array, step: list[int]) -> tuple[Array, Array]:
    """Every voxel that has a neighbour at ``step``, and that neighbour."""
    here = tuple(slice(max(0, -s), max(0, n - max(0, s))) for s, n in zip(step, levels.shape, strict=True))
    there = tuple(slice(max(0, s), max(0, n - max(0, -s))) for s, n in zip(step, levels.shape, strict=True))
    return levels[here], levels[there]
