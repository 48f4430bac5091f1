"""A pair of images at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanmill.algorithms.registration.dense.filters import gaussian
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.data import Volume
from scanmill.geometry import VolumeGeometry

FEWEST = 8
"""Voxels that an axis keeps."""
MARGIN = 8
"""Voxels that are kept around the object."""
DARK = 0.02
"""The part of the image's range by which an object differs from the background."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Level:
    """The fixed image thinned out by ``factors`` (x, y, z), and the moving one blurred to the same resolution.

    ``matrix`` (3, 4) takes a voxel (x, y, z, 1) of the level to an index in the moving image. ``scales`` are the
    level's unit of length, its finest step, in voxels along each axis. ``weight`` is 1 where a voxel counts, else 0.
    ``box`` is where the fixed image was cut out.
    """

    fixed: Array
    weight: Array
    moving: Array
    matrix: Array
    factors: tuple[int, int, int]
    scales: tuple[float, float, float]
    box: Box

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the fixed image, (z, y, x)."""
        return tuple(self.fixed.shape)

    def sigmas(self, length: float) -> tuple[float, float, float]:
        """A length in units of the level as voxels along x, y and z."""
        x, y, z = (length * scale for scale in self.scales)
        return x, y, z


def levels_of(
    fixed: Volume,
    moving: Volume,
    affine: HostArray,
    weight: Array,
    box: Box,
    factors: Sequence[int],
    *,
    common: bool = False,
) -> list[Level]:
    """Levels from coarse to fine; ``affine`` (4x4) takes fixed points to moving ones, both in mm.

    Intensities are counted from their mean in units of their deviation, with ``common`` both from the fixed image's.
    """
    grid = fixed.geometry.crop(*box)
    sharp_fixed = standardised(fixed.array, fixed.array)[box]
    sharp_moving = standardised(moving.array, fixed.array if common else moving.array)
    to_moving = moving.geometry.point_to_index @ affine @ grid.index_to_point
    out = []
    for factor in factors:
        step = factor * min(grid.spacing)
        each = tuple(_factor(step, n, h) for n, h in zip(grid.shape[::-1], grid.spacing, strict=True))
        thin = tuple(slice(None, None, f) for f in reversed(each))
        matrix = to_moving[:3] @ np.diag([*each, 1.0])
        out.append(
            Level(
                xp_of(sharp_fixed).ascontiguousarray(_blurred(sharp_fixed, grid, step)[thin]),
                xp_of(weight).ascontiguousarray(weight[box][thin]),
                _blurred(sharp_moving, moving.geometry, step),
                xp_of(weight).asarray(matrix, np.float32),
                each,  # type: ignore[arg-type]
                tuple(step / (f * h) for f, h in zip(each, grid.spacing, strict=True)),  # type: ignore[arg-type]
                box,
            )
        )
    return out


def _factor(step: float, n: int, spacing: float) -> int:
    return max(1, min(round(step / spacing), n // FEWEST))


def standardised(array: Array, like: Array) -> Array:
    """(array - mean) / deviation of the array ``like``, in float32."""
    mean, deviation = float(like.mean(dtype=np.float64)), float(like.std(dtype=np.float64))
    return ((array - mean) / deviation).astype(np.float32)


def _blurred(array: Array, grid: VolumeGeometry, step: float) -> Array:
    """The image as voxels of ``step`` mm would see it."""
    sigmas: Any = tuple(0.5 * max(step**2 - h**2, 0.0) ** 0.5 / h for h in grid.spacing)
    one = xp_of(array).array(array[None], np.float32, order="C")
    return gaussian(one, sigmas, xp_of(array).empty_like(one), edge=True)[0]


def object_box(array: HostArray, mask: HostArray | None) -> Box:
    """Where the mask is, or what differs from the darkest, and some voxels around it."""
    low, high = np.percentile(array, (0.5, 99.5))
    seen = mask if mask is not None else array > low + DARK * (high - low)
    bounds = []
    for axis in range(3):
        there = np.flatnonzero(seen.any(axis=tuple(a for a in range(3) if a != axis)))
        first, last = (there[0], there[-1]) if there.size else (0, array.shape[axis] - 1)
        bounds.append(slice(max(int(first) - MARGIN, 0), min(int(last) + MARGIN + 1, array.shape[axis])))
    return tuple(bounds)  # type: ignore[return-value]
