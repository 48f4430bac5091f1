"""Ellipsoids on a voxel grid, with partial volume at their surfaces."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms.ellipsoid import Ellipsoid


def add_ellipsoid(voxels: HostArray, ellipsoid: Ellipsoid, grid: VolumeGeometry, supersampling: int) -> None:
    """Add ``ellipsoid.value`` times each voxel's covered share to ``voxels`` (z, y, x), in place.

    The share is counted on ``supersampling``³ points per voxel, but only where the surface may cross the voxel; one
    plane at a time, so that memory stays at a few planes.
    """
    matrix = ellipsoid.to_unit_ball @ grid.index_to_point[:3, :3]
    center = np.asarray(ellipsoid.center) - np.asarray(grid.origin)
    middle = np.linalg.inv(grid.index_to_point[:3, :3]) @ center
    (x0, x1), (y0, y1), (z0, z1) = _index_bounds(ellipsoid, grid, middle)
    offsets = _offsets(supersampling) @ matrix.T
    reach = np.sqrt((offsets * offsets).sum(axis=1).max())
    y, x = np.meshgrid(np.arange(y0, y1), np.arange(x0, x1), indexing="ij")
    for z in range(z0, z1):
        unit = np.stack([x - middle[0], y - middle[1], np.full(x.shape, z - middle[2])], axis=-1) @ matrix.T
        radius = np.sqrt((unit * unit).sum(axis=-1))
        share = (radius <= 1.0).astype(np.float64)
        near = np.abs(radius - 1.0) <= reach
        share[near] = _covered_share(unit[near], offsets)
        voxels[z, y0:y1, x0:x1] += ellipsoid.value * share


def _covered_share(unit: HostArray, offsets: HostArray) -> HostArray:
    count = np.zeros(len(unit))
    for offset in offsets:
        point = unit + offset
        count += (point * point).sum(axis=-1) <= 1.0
    return count / len(offsets)


def _offsets(n: int) -> HostArray:
    """The sample points of a voxel relative to its centre, in index units, (n³, 3)."""
    steps = (np.arange(n) + 0.5) / n - 0.5
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)


def _index_bounds(ellipsoid: Ellipsoid, grid: VolumeGeometry, middle: HostArray) -> list[tuple[int, int]]:
    """For x, y, z the half-open range of indices that the ellipsoid can touch."""
    to_index = np.linalg.inv(grid.index_to_point[:3, :3]) @ np.asarray(ellipsoid.rotation)
    sizes = np.asarray(grid.shape[::-1])
    axes = np.where(np.isinf(ellipsoid.semi_axes), 1e12, ellipsoid.semi_axes)
    half = np.sqrt(((to_index * axes) ** 2).sum(axis=1)) + 1.0
    low = np.clip(np.floor(middle - half), 0, sizes).astype(int)
    high = np.clip(np.ceil(middle + half) + 1, 0, sizes).astype(int)
    return [(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True)]
