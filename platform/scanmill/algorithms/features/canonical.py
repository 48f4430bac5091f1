"""One grid and one range of values for all images, so that their features compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.features.box import Region, cut_out
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import InputError, SpecError

QUANTILES = (1.0, 99.0)
"""Without a fixed window these percentiles of the image become 0 and 1."""


@dataclass(frozen=True)
class CanonicalGrid:
    """``shape`` (y, x) or (z, y, x) that every image is resampled to, and the ``window`` of values that becomes 0 to 1.

    A window (lower, upper) is in the image's unit (HU); None takes the 1st and 99th percentile of each image, for
    scales that mean nothing by themselves (MR). The image keeps its proportions, in mm where its spacing is known, and
    lies in the middle; what it does not cover is 0. Of a region its box is taken, grown by ``margin`` of its size.

    >>> CanonicalGrid((96, 96), window=(-160.0, 240.0)).shape
    (96, 96)
    """

    shape: tuple[int, ...]
    window: tuple[float, float] | None = None
    margin: float = 0.0

    def __post_init__(self) -> None:
        if len(self.shape) not in {2, 3} or min(self.shape) < 1:
            raise SpecError("a canonical grid has two or three positive sizes", got=self.shape)
        if self.window is not None and not self.window[0] < self.window[1]:
            raise SpecError("a window needs lower < upper", got=self.window)
        if not 0 <= self.margin < math.inf:
            raise SpecError("a margin is 0 or more", got=self.margin)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "margin", float(self.margin))
        if self.window is not None:
            object.__setattr__(self, "window", (float(self.window[0]), float(self.window[1])))


def canonical_image(
    image: Array, grid: CanonicalGrid, region: Region = None, *, spacing: Sequence[float] | None = None
) -> tuple[Array, Array]:
    """The image on the grid, float64 from 0 to 1, and which of the grid's voxels lie in the region.

    ``spacing`` is in mm, in point order, (x, y) or (x, y, z). A volume of one plane counts as an image. Each axis is
    resampled with a triangle as wide as two steps of the coarser of both grids (linear interpolation upwards, without
    aliasing downwards), the region's indicator likewise, cut at one half.
    Raises InputError where image, region and grid do not fit.

    >>> image, inside = canonical_image(np.array([[0.0, 0.0, 8.0, 8.0]]), CanonicalGrid((2, 2), (0.0, 8.0)))
    >>> inside.tolist(), image.round(3).tolist()
    ([[True, True], [False, False]], [[0.143, 0.857], [0.0, 0.0]])
    """
    xp = xp_of(image)
    part, inside = cut_out(image, region, margin=grid.margin)
    steps = [1.0] * part.ndim if spacing is None else [float(s) for s in reversed(spacing)]
    if len(steps) != part.ndim or not min(steps) > 0:
        raise InputError("one positive spacing for each axis", expected=part.ndim, got=spacing)
    if part.ndim == 3 and len(grid.shape) == 2 and part.shape[0] == 1:
        part, inside, steps = part[0], inside[0], steps[1:]
    if part.ndim != len(grid.shape):
        raise InputError("image and grid differ in axes", expected=len(grid.shape), got=part.shape)
    sizes = _covered(part.shape, steps, grid.shape)
    values = _resampled(_windowed(part, grid.window), sizes)
    share = xp.ones(sizes) if bool(inside.all()) else _resampled(inside.astype(xp.float64), sizes)
    rims = [((n - size) // 2, n - size - (n - size) // 2) for n, size in zip(grid.shape, sizes, strict=True)]
    kept = xp.pad(share, rims) >= 0.5
    if not bool(kept.any()):
        raise InputError("the region vanishes on the grid", do="take a finer grid or a smaller margin")
    return xp.pad(values, rims), kept


def _windowed(part: Array, window: tuple[float, float] | None) -> Array:
    """Values from 0 to 1; 0 throughout where an image of one value has no range."""
    xp = xp_of(part)
    lower, upper = window or (_percentile(part, q) for q in QUANTILES)
    values = part.astype(xp.float64)
    values -= lower
    values /= (upper - lower) or math.inf
    return xp.clip(values, 0.0, 1.0, out=values)


def _percentile(part: Array, q: float) -> float:
    """Linear between two voxels, as xp.percentile, which is slow because it searches for several places at once.

    >>> _percentile(np.array([[5, 1], [2, 4]], np.uint8), 50.0)
    3.0
    """
    place: float = q / 100 * (part.size - 1)
    at = int(place)
    least_first = xp_of(part).partition(part.ravel(), at)
    lower, upper = float(least_first[at]), float(least_first[at + 1 :].min() if at < place else least_first[at])
    return lower + (place - at) * (upper - lower)


def _covered(shape: Sequence[int], steps: Sequence[float], target: Sequence[int]) -> list[int]:
    """How many voxels of the target the image covers along each axis, in its own proportions."""
    extents = [n * step for n, step in zip(shape, steps, strict=True)]
    coarsest = max(extent / n for extent, n in zip(extents, target, strict=True))
    return [min(n, max(1, round(extent / coarsest))) for extent, n in zip(extents, target, strict=True)]


def _resampled(values: Array, sizes: Sequence[int]) -> Array:
    """``values`` with ``sizes`` elements along its axes, the one that shrinks most first."""
    order = sorted(range(values.ndim), key=lambda axis: sizes[axis] / values.shape[axis])
    for axis in order:
        values = values if values.shape[axis] == sizes[axis] else _along(values, axis, sizes[axis])
    return values


def _along(values: Array, axis: int, size: int) -> Array:
    """``values`` with ``size`` elements along ``axis``, added up tap by tap in a fixed order."""
    xp = xp_of(values)
    index, weights = _taps(values.shape[axis], size)
    column = [1] * values.ndim
    column[axis] = size
    total = xp.zeros([*values.shape[:axis], size, *values.shape[axis + 1 :]])
    for places, weight in zip(xp.asarray(index), xp.asarray(weights), strict=True):
        tap = xp.take(values, places, axis=axis)
        tap *= weight.reshape(column)
        total += tap
    return total


def _taps(n: int, size: int) -> tuple[HostArray, HostArray]:
    """Places and weights (tap, size) of a triangle over the old elements around each new one; not all 0 in a tap."""
    scale = n / size
    reach = max(1.0, scale)
    centres = (np.arange(size) + 0.5) * scale - 0.5
    places = np.floor(centres - reach).astype(np.int64) + np.arange(2 * math.ceil(reach) + 2)[:, None]
    weights = np.maximum(0.0, 1 - abs(places - centres) / reach) * ((places >= 0) & (places < n))
    used = weights.any(axis=1)
    return np.clip(places, 0, n - 1)[used], (weights / weights.sum(axis=0))[used]
