"""Where the voxels of one grid lie in another image: what the resampling kernels want to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scanmill.arrays import Array, is_device_array, to_device, xp_of
from scanmill.data.transforms import Transform
from scanmill.data.transforms.displacement import slabs
from scanmill.geometry import VolumeGeometry

Places = tuple[slice, Array, Array]
"""Planes of the fixed grid, their matrix (3, 4) and their shifts (z, y, x, 3) in voxels of the moving one."""


def places_of(
    fixed: VolumeGeometry, moving: VolumeGeometry, transform: Transform | None, dtype: Any, device: str
) -> Iterator[Places]:
    """The places of the fixed grid, all at once where the transform is linear, else in slabs of about a million voxels.

    Everything is computed in float64 and stored in ``dtype``; shifts are the small part that is not linear.
    """
    affine = np.eye(4) if transform is None else transform.affine
    start = moving.point_to_index @ (np.eye(4) if affine is None else affine) @ fixed.index_to_point
    if transform is None or affine is not None:
        none = np.empty((0, 1, 1, 3), dtype)
        yield slice(0, fixed.shape[0]), to_device(start[:3].astype(dtype), device), to_device(none, device)
        return
    for planes, points in slabs(fixed):
        points = to_device(points, device)
        xp = xp_of(points)
        mapped = transform.map(points)
        shifts = (mapped - points) @ xp.asarray(moving.point_to_index[:3, :3]).T
        matrix = start[:3].copy()
        matrix[:, 3] += planes.start * matrix[:, 2]
        yield planes, to_device(matrix.astype(dtype), device), shifts.astype(dtype)


def runs_of(out: Array) -> tuple[int, int]:
    """How many runs along x ``out`` (z, y, x) is shared out in, and how many voxels a run has: a row, on a GPU one."""
    run = 1 if is_device_array(out) else out.shape[2]
    return out.size // run, run
