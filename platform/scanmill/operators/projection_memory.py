"""How much memory a projection needs, from the geometry alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import Ownership, plan_projection
from scanmill.operators.projection_methods import rows_pad
from scanmill.operators.projection_tables import CHUNK

TABLE_NUMBERS = 40
"""How many float64 per view and column are alive while a chunk of the tables is computed, at most."""
OVERHEAD = 2**14
"""Objects, headers and what is too small to count."""


def predict_bytes(
    volume_geometry: VolumeGeometry,
    scan: ScanGeometry,
    *,
    dtype: Any = np.float32,
    device: str = "cpu",
    ownership: Ownership | None = None,
) -> int:
    """The peak of ``ProjectionOp(...)``, ``op(x)`` and ``op.H(y)`` in bytes, x or y and the result included.

    Raises `InputError` as the operator would. Nothing of the size of the volume or the projections is allocated.

    >>> grid = VolumeGeometry.centered((2048, 2048, 2048))
    >>> scan = ScanGeometry.cone(np.arange(2000.0), 2048, 1.0, n_rows=2048, row_spacing=1.0,
    ...                          source_to_isocenter=5000.0, source_to_detector=6000.0)
    >>> predict_bytes(grid, scan) // 2**30
    158
    """
    frames, ownership = plan_projection(volume_geometry, scan, device, ownership)
    nz, ny, nx = volume_geometry.shape
    rays, item = math.prod(scan.shape), np.dtype(dtype).itemsize
    voxels = nz * ny * nx
    per_column = scan.n_views * scan.n_columns
    if ownership == "slices":
        copies = nz * ((ny + 3) * nx + (nx + 3) * ny)
        project, back = voxels + copies + rays, voxels + 2 * rays + scan.n_views * scan.n_rows * 4
        back += 2 * voxels + copies if scan.beam == "fan" else 0
        tables = 3 * per_column
    elif ownership == "columns":
        copies = nz * ((ny + 2) * nx + (nx + 2) * ny)
        padding = 2 * rows_pad(frames) * per_column + nz * max(nx, ny)
        project, back = voxels + copies + 2 * rays + nz * scan.n_views, voxels + copies + 2 * rays + padding
        tables = 7 * per_column
    else:
        project = back = voxels + 2 * rays
        tables = 13 * per_column + 17 * scan.n_views if scan.is_cylindrical else 25 * scan.n_views
    building = TABLE_NUMBERS * 8 * min(per_column, max(CHUNK, scan.n_columns)) + tables * item
    return int(max((max(project, back) + tables) * item + per_column, building)) + OVERHEAD
