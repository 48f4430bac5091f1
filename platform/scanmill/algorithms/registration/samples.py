"""The points of the fixed image at which two images are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import Array, HostArray, device_of, is_device_array, to_device, to_host, xp_of
from scanmill.data import Labels, Volume
from scanmill.geometry import VolumeGeometry

RUN, RUN_ON_GPU = 8192, 256
"""Samples of one owner of a kernel."""


@dataclass(frozen=True, eq=False)
class Samples:
    """``points`` (3, n) in mm about ``center`` (LPS), and the fixed image's ``values`` (n) there, float32."""

    points: Array
    values: Array
    center: HostArray
    run: int

    def __len__(self) -> int:
        return int(self.points.shape[1])

    @property
    def n_owners(self) -> int:
        """Rows of every sum."""
        return -(-len(self) // self.run)

    @property
    def radius(self) -> float:
        """The RMS distance of the points from the centre in mm."""
        return float(np.sqrt(to_host((self.points**2).sum(axis=1, dtype=np.float64)).sum() / max(len(self), 1)))


def samples_of(fixed: Volume, inside: HostArray | None, center: HostArray, *, at_most: int, seed: int = 0) -> Samples:
    """Every voxel of ``fixed``, or those ``inside`` (z, y, x); of too many, some are drawn by ``seed``."""
    xp, device = xp_of(fixed.array), device_of(fixed.array)
    chosen = _thinned(np.ones(fixed.geometry.shape, bool) if inside is None else inside, at_most, seed)
    there = slice(None) if chosen.all() else np.flatnonzero(chosen)
    points = np.stack([axis.ravel()[there] for axis in _coordinates(fixed.geometry, center)])
    values = fixed.array.ravel()[there if isinstance(there, slice) else xp.asarray(there)]
    run = RUN_ON_GPU if is_device_array(fixed.array) else RUN
    return Samples(to_device(points, device), xp.ascontiguousarray(values, dtype=np.float32), center, run)


def _thinned(inside: HostArray, at_most: int, seed: int) -> HostArray:
    n = int(np.count_nonzero(inside))
    if n <= at_most:
        return inside
    drawn = np.random.default_rng(seed).random(inside.shape, np.float32)
    return np.asarray(inside & (drawn < at_most / n))


def _coordinates(grid: VolumeGeometry, center: HostArray) -> list[HostArray]:
    """x, y and z (z, y, x) of the voxels about the centre, float32."""
    affine = grid.index_to_point
    along = [np.arange(n) for n in grid.shape[::-1]]
    out = []
    for row, start in zip(affine[:3, :3], affine[:3, 3] - center, strict=True):
        x, y, z = ((step * index).astype(np.float32) for step, index in zip(row, along, strict=True))
        out.append(z[:, None, None] + (y[:, None] + np.float32(start)) + x)
    return out


def mask_on(mask: Labels, grid: VolumeGeometry) -> HostArray:
    """Where the mask is not 0, on a coarser level of its grid, by the nearest voxel."""
    nearest = mask.geometry.point_to_index @ grid.index_to_point
    places = [
        np.clip(np.rint(nearest[a, a] * np.arange(n) + nearest[a, 3]).astype(int), 0, mask.geometry.shape[2 - a] - 1)
        for a, n in enumerate(grid.shape[::-1])
    ]
    return np.asarray(to_host(mask.array)[np.ix_(places[2], places[1], places[0])] != 0)
