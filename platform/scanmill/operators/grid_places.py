"""Where the voxels of one grid lie in another image: what the resampling kernels want to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, is_device_array, to_device, xp_of
from scanmill.data.transforms import Chain, DisplacementField, Transform, VelocityField, parts_of
from scanmill.data.transforms.displacement import plane_slices
from scanmill.geometry import VolumeGeometry

Places = tuple[slice, Array, Array]
"""Planes of the fixed grid, their matrix (3, 4) and their shifts (z, y, x, 3) in voxels of the moving one."""


def places_of(
    fixed: VolumeGeometry, moving: VolumeGeometry, transform: Transform | None, dtype: Any, device: str
) -> Iterator[Places]:
    """The places of the fixed grid, all at once where the transform is linear, else in slabs of about a million voxels.

    Everything is computed in float64 and stored in ``dtype``; shifts are the small part that is not linear. A field on
    the fixed grid itself, alone or first in a chain of linear maps, is taken as it stands.
    """
    affine = np.eye(4) if transform is None else transform.affine
    if transform is None or affine is not None:
        matrix = moving.point_to_index @ affine @ fixed.index_to_point
        none = np.empty((0, 1, 1, 3), dtype)
        yield slice(0, fixed.shape[0]), to_device(matrix[:3].astype(dtype), device), to_device(none, device)
        return
    field, then = _field_on(fixed, transform)
    matrix = moving.point_to_index @ then @ fixed.index_to_point
    for planes in plane_slices(fixed):
        moved = to_device(
            _displaced(fixed, planes, transform, device) if field is None else field.array[planes], device
        )
        turn = xp_of(moved).asarray((moving.point_to_index @ then)[:3, :3])
        start = matrix[:3].copy()
        start[:, 3] += planes.start * start[:, 2]
        yield planes, to_device(start.astype(dtype), device), (moved @ turn.T).astype(dtype)


def _field_on(fixed: VolumeGeometry, transform: Transform) -> tuple[DisplacementField | None, HostArray]:
    """The field on this very grid that a transform begins with, if the rest is linear, and that rest's matrix."""
    *rest, first = parts_of(transform)
    field = first.displacement if isinstance(first, VelocityField) else first
    then = Chain(tuple(rest)).affine if rest else np.eye(4)
    if isinstance(field, DisplacementField) and field.geometry == fixed and then is not None:
        return field, then
    return None, np.eye(4)


def _displaced(fixed: VolumeGeometry, planes: slice, transform: Transform, device: str) -> Array:
    _, ny, nx = fixed.shape
    points = to_device(fixed.crop(planes, slice(0, ny), slice(0, nx)).voxel_points(), device)
    return transform.map(points) - points


def runs_of(out: Array) -> tuple[int, int]:
    """How many runs along x ``out`` (z, y, x) is shared out in, and how many voxels a run has: a row, on a GPU one."""
    run = 1 if is_device_array(out) else out.shape[2]
    return out.size // run, run
