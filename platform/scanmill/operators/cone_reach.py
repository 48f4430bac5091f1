"""How far along z the rays of a cone beam reach: how steep they are, and which views meet a grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.arrays import HostArray
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection_arcs import columns_as_views

MARGIN_VOXELS = 2.0
"""How far beyond a grid its rays are looked for: interpolation reaches one voxel, rounding the rest."""
RIM_COLUMNS, SLOPE_MARGIN = 33, 0.002
"""At how many columns slopes are read, and by how much they are widened: between those they change by less."""


def slopes(scan: ScanGeometry, *, beyond_rows: float = 0.0) -> tuple[HostArray, HostArray]:
    """The least and the greatest rise of each view's rays along z, in mm a transaxial mm, (view,), a little widened.

    Rays end in the middle of pixels, or ``beyond_rows`` rows farther out: half a row is the detector's edge. Flat and
    cylindrical detectors in any pose.

    >>> scan = ScanGeometry.cone([0.0], 1, 1.0, n_rows=11, row_spacing=2.0, source_to_isocenter=50.0,
    ...                          source_to_detector=100.0)
    >>> [bound.round(4).tolist() for bound in slopes(scan)]
    [[-0.1002], [0.1002]]
    """
    n = min(scan.n_columns, RIM_COLUMNS)
    step = scan.column_step * ((scan.n_columns - 1) / max(n - 1, 1))
    middle = _middle_row(replace(scan, n_columns=n, column_step=step if n > 1 else scan.column_step))
    up = ((scan.n_rows - 1) / 2 + beyond_rows) * scan.row_step[:, None]
    away = np.concatenate([middle - up, middle + up], axis=1) - scan.source[:, None]
    rise = away[..., 2] / np.linalg.norm(away[..., :2], axis=-1)
    low, high = rise.min(axis=1), rise.max(axis=1)
    margin = SLOPE_MARGIN * np.maximum(np.abs(low), np.abs(high))
    return low - margin, high + margin


def steepest_rise(scan: ScanGeometry, *, beyond_rows: float = 0.0) -> float:
    """The largest of the `slopes` of all views, up or down."""
    return float(np.abs(slopes(scan, beyond_rows=beyond_rows)).max())


def views_meeting(grid: VolumeGeometry, scan: ScanGeometry) -> HostArray:
    """The views of which some ray may meet the grid, as indices; all of them for other beams than cones.

    A ray is at most as far from its focal spot, transaxially, as the grid's farthest corner; with the slopes of the
    view this bounds where its cone can be.
    """
    if scan.beam != "cone":
        return np.arange(scan.n_views)
    nz, ny, nx = grid.shape
    ends = [(-MARGIN_VOXELS, n - 1 + MARGIN_VOXELS) for n in (nx, ny, nz)]
    corners = grid.to_points([(x, y, z) for x in ends[0] for y in ends[1] for z in ends[2]])
    far = np.linalg.norm(scan.source[:, None, :2] - corners[None, :, :2], axis=-1).max(axis=1)
    low, high = slopes(scan)
    z = scan.source[:, 2]
    bottom, top = z + far * np.minimum(low, 0), z + far * np.maximum(high, 0)
    return np.flatnonzero((bottom <= corners[:, 2].max()) & (top >= corners[:, 2].min()))


def _middle_row(scan: ScanGeometry) -> HostArray:
    """The pixels half way between the first and the last row, (view, column, 3) in mm."""
    if scan.is_cylindrical:
        return columns_as_views(scan).detector.reshape(scan.n_views, scan.n_columns, 3)
    columns = np.arange(scan.n_columns) - (scan.n_columns - 1) / 2
    return np.asarray(scan.detector[:, None] + columns[:, None] * scan.column_step[:, None])
