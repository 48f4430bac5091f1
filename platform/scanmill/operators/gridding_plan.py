"""What gridding needs to know of a trajectory: windows, and the samples sorted for one of the two strategies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from scanmill.arrays import Array, HostArray, to_device
from scanmill.errors import InputError, SpecError
from scanmill.operators.kaiser_bessel import KaiserBessel
from scanmill.operators.linear import Shape

Strategy = Literal["gather", "scatter"]
LEAST_BLOCK = 8
"""Blocks of the scatter are at least this many cells wide, and at least a window."""


@dataclass(frozen=True, eq=False)
class GriddingPlan:
    """Samples in the order of their work: ``order`` (sample) puts them there, ``rank`` brings them back.

    ``first`` (3, sample) int32 is the lowest cell (z, y, x) under the window; ``wz``, ``wy``, ``wx`` (sample, tap) its
    weights. ``starts`` is for the gather where the samples of each row (z, y) begin, one array; for the scatter where
    those of the blocks begin and end, (block, 2) for each colour.
    """

    order: Array
    rank: Array
    first: Array
    wz: Array
    wy: Array
    wx: Array
    starts: tuple[Array, ...]


def plan_gridding(
    points: HostArray, grid_shape: Shape, window: KaiserBessel, strategy: Strategy, dtype: Any, device: str
) -> GriddingPlan:
    """The plan for ``points`` (sample, d) in cells of the grid, in point order (x, y[, z]), taken periodically.

    One plane (z = 1) takes no window along z.
    """
    if strategy not in get_args(Strategy):
        raise SpecError("unknown gridding strategy", expected=", ".join(get_args(Strategy)), got=strategy)
    cells = _in_array_order(points, grid_shape)
    widths = [1 if n == 1 else window.width for n in grid_shape]
    if any(width > n for width, n in zip(widths, grid_shape, strict=True)):
        raise InputError("the grid is smaller than the window", expected=f"{window.width} cells", got=grid_shape)
    lowest = [np.ceil(u - w / 2).astype(np.int64) for u, w in zip(cells, widths, strict=True)]
    first = np.stack([low % n for low, n in zip(lowest, grid_shape, strict=True)])
    keys, starts = _rows(first, grid_shape) if strategy == "gather" else _blocks(first, grid_shape, window.width)
    order = np.argsort(keys * math.prod(grid_shape) + np.ravel_multi_index(tuple(first), grid_shape), kind="stable")
    weights = [
        (window.values(u[order, None] - low[order, None] - np.arange(w)) if w > 1 else np.ones((len(u), 1))).astype(
            dtype
        )
        for u, low, w in zip(cells, lowest, widths, strict=True)
    ]
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    arrays = (order, rank, np.ascontiguousarray(first[:, order]).astype(np.int32), *weights)
    order, rank, lows, wz, wy, wx = (to_device(a, device) for a in arrays)
    return GriddingPlan(order, rank, lows, wz, wy, wx, tuple(to_device(start, device) for start in starts))


def _in_array_order(points: HostArray, grid_shape: Shape) -> list[HostArray]:
    """The coordinates along z, y and x; zero along z in a plane."""
    if points.ndim != 2 or points.shape[1] not in (2, 3) or (points.shape[1] == 2 and grid_shape[0] != 1):
        raise InputError("points need two coordinates for a plane, three for a volume", got=(points.shape, grid_shape))
    x, y, *z = points.T
    return [np.zeros(len(points)) if grid_shape[0] == 1 else z[0], y, x]


def _rows(first: HostArray, grid_shape: Shape) -> tuple[HostArray, tuple[HostArray, ...]]:
    """The lowest row of every sample, and where each row's samples begin once they are sorted."""
    rows = first[0] * grid_shape[1] + first[1]
    return rows, (_edges(rows, grid_shape[0] * grid_shape[1]),)


def _blocks(first: HostArray, grid_shape: Shape, width: int) -> tuple[HostArray, tuple[HostArray, ...]]:
    """The block of every sample, numbered by colours, and where each colour's blocks begin and end.

    An even number of blocks along an axis can be coloured in turn around the period; a short axis is one block.
    """
    counts = [max(1, n // max(LEAST_BLOCK, width) // 2 * 2) for n in grid_shape]
    along = [at * count // n for at, count, n in zip(first, counts, grid_shape, strict=True)]
    colour, block, n_colours, n_blocks = np.zeros_like(along[0]), np.zeros_like(along[0]), 1, 1
    for b, count in zip(along, counts, strict=True):
        parities = min(count, 2)
        colour, n_colours = colour * parities + b % parities, n_colours * parities
        block, n_blocks = block * (count // parities) + b // parities, n_blocks * (count // parities)
    keys = colour * n_blocks + block
    edges = _edges(keys, n_colours * n_blocks)
    pairs = np.stack([edges[:-1], edges[1:]], axis=1).reshape(n_colours, n_blocks, 2)
    return keys, tuple(np.ascontiguousarray(p[p[:, 0] < p[:, 1]]) for p in pairs)


def _edges(keys: HostArray, n: int) -> HostArray:
    """Where each key from 0 to n - 1 begins among the sorted keys, and the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=n))])


def grid_shape_of(image_shape: Shape, oversampling: float) -> Shape:
    """The even size of fast FFTs at or above ``oversampling`` times the image's, 1 where the image has one plane."""
    return tuple(1 if n == 1 else _fast_even(math.ceil(oversampling * n)) for n in image_shape)


def _fast_even(n: int) -> int:
    """The next even number of factors 2, 3 and 5."""
    n += n % 2
    while not _is_fast(n):
        n += 2
    return n


def _is_fast(n: int) -> bool:
    for factor in (2, 3, 5):
        while n % factor == 0:
            n //= factor
    return n == 1
