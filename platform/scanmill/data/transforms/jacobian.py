"""How a transform changes volumes."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data.transforms.displacement import plane_slices
from scanmill.data.transforms.transform import Transform
from scanmill.data.volume import Volume
from scanmill.geometry import VolumeGeometry


def jacobian_determinant(transform: Transform, grid: VolumeGeometry) -> Volume:
    """det dT/dx at the points of ``grid``: above 1 it grows, below 1 it shrinks, at 0 and below it folds.

    By central differences over two voxels, as in ITK, and one-sided ones in the outermost; exact for linear maps. Along
    an axis with one plane, over half a voxel.
    """
    nz, ny, nx = grid.shape
    out = np.empty(grid.shape, np.float32)
    for planes in plane_slices(grid):
        low, high = max(0, planes.start - 1), min(nz, planes.stop + 1)
        part = grid.crop(slice(low, high), slice(0, ny), slice(0, nx))
        out[planes] = _determinants(transform, part)[planes.start - low : planes.stop - low]
    return Volume(out, grid)


def _determinants(transform: Transform, grid: VolumeGeometry) -> HostArray:
    points = grid.voxel_points()
    mapped = to_host(transform.map(points))
    columns = [
        np.gradient(mapped, grid.spacing[axis], axis=2 - axis)
        if grid.shape[2 - axis] > 1
        else _across_a_plane(transform, grid, points, axis)
        for axis in range(3)
    ]
    turned = np.einsum("...i,...i->...", columns[0], np.cross(columns[1], columns[2]))
    return np.asarray(turned / np.linalg.det(np.asarray(grid.direction)))


def _across_a_plane(transform: Transform, grid: VolumeGeometry, points: HostArray, axis: int) -> HostArray:
    step = np.asarray(grid.direction)[:, axis] * grid.spacing[axis] / 4
    return to_host(transform.map(points + step) - transform.map(points - step)) / (grid.spacing[axis] / 2)
