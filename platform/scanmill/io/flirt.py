"""FSL's FLIRT matrices, which mean something only beside both images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data.transforms import Affine, Transform
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.io import text_table
from scanmill.io.told_with_file import told_with_file
from scanmill.storage.faults import storage_faults

MAX_BYTES = 2**16


def read_flirt(path: Path, *, fixed: VolumeGeometry, moving: VolumeGeometry) -> Affine:
    """The transform from ``fixed`` (FLIRT's -ref) to ``moving`` (its -in) points in LPS mm.

    The file goes the other way, between "scaled voxels": index times spacing, with x counted from the other end where
    the image's axes are right-handed. Both grids must be those of the NIfTI files that FLIRT saw, not turned or cropped
    since. Raises InputError unless the file holds 4 x 4 numbers that can be inverted. Source: FSL's FLIRT FAQ.
    """
    with storage_faults(path.name):
        matrix = text_table.read(path, "", MAX_BYTES)
    if matrix.shape != (4, 4):
        raise InputError("not a FLIRT matrix", where=path.name, expected=(4, 4), got=matrix.shape)
    with told_with_file(path.name):
        forward = Affine.from_affine(matrix).affine
    return Affine.from_affine(np.linalg.inv(scaled_voxels(moving)) @ np.linalg.inv(forward) @ scaled_voxels(fixed))


def write_flirt(path: Path, transform: Transform, *, fixed: VolumeGeometry, moving: VolumeGeometry) -> None:
    """The same as FLIRT's file; `SpecError` for a transform that is not linear."""
    if transform.affine is None:
        raise SpecError("a FLIRT matrix is linear", got=type(transform).__name__, do="write a displacement field")
    forward = scaled_voxels(fixed) @ np.linalg.inv(transform.affine) @ np.linalg.inv(scaled_voxels(moving))
    text = "".join("  ".join(f"{value:.12g}" for value in row) + "  \n" for row in forward)
    with storage_faults(path.name):
        path.write_text(text, encoding="ascii", newline="\n")


def scaled_voxels(grid: VolumeGeometry) -> HostArray:
    """The 4x4 matrix from LPS mm to FSL's coordinates of an image."""
    scale = np.diag([*grid.spacing, 1.0])
    if np.linalg.det(np.asarray(grid.direction)) > 0:
        scale[0] *= -1
        scale[0, 3] = (grid.shape[2] - 1) * grid.spacing[0]
    return np.asarray(scale @ grid.point_to_index)
