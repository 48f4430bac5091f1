"""The grid on which a scan is reconstructed: asked for, or read from the scan."""

from __future__ import annotations

import numpy as np

from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry

Size = tuple[int, int] | tuple[int, int, int]


def default_grid(scan: ScanGeometry) -> VolumeGeometry:
    """As many voxels across as the detector has columns, each as wide as a column at the axis.

    Slices lie on the detector's rows (parallel, fan) or are a row's height at the axis apart (cone).

    >>> default_grid(ScanGeometry.parallel([0.0], n_columns=4, column_spacing=2.0, n_rows=3)).shape
    (3, 4, 4)
    """
    return grid_for(scan, None, None)


def grid_for(scan: ScanGeometry, size: Size | None, spacing: tuple[float, ...] | None) -> VolumeGeometry:
    """The grid around the axis of rotation with ``size`` (y, x) or (z, y, x) and ``spacing`` (x, y[, z]) in mm.

    What is not given follows from the scan: the size from its field of view, or the spacing from that and the size. A
    helix gives the slices that it sees over half a turn, around their middle.
    """
    step, row_step, z_middle = _at_axis(scan)
    across, n_slices, stacked = scan.n_columns * step, scan.n_rows, scan.beam != "cone"
    dz = spacing[2] if spacing is not None and len(spacing) == 3 and not stacked else row_step
    nz = size[0] if size is not None and len(size) == 3 else None
    if _is_helical(scan):
        across, z_middle, n_slices = _seen_by_helix(scan, dz, nz)
    ny, nx = size[-2:] if size is not None else (0, 0)
    if spacing is not None:
        dx, dy = spacing[:2]
        ny, nx = (ny or int(np.ceil(across / dy - 1e-9)), nx or int(np.ceil(across / dx - 1e-9)))
    else:
        ny, nx = ny or scan.n_columns, nx or scan.n_columns
        dx = dy = across / max(nx, ny)
    nz = nz or n_slices
    if stacked and nz != scan.n_rows:
        raise InputError("slices lie on the detector's rows", expected=f"{scan.n_rows} slices", got=nz)
    origin = (-(nx - 1) / 2 * dx, -(ny - 1) / 2 * dy, z_middle - (nz - 1) / 2 * dz)
    return VolumeGeometry((nz, ny, nx), (dx, dy, dz), origin)


def _at_axis(scan: ScanGeometry) -> tuple[float, float, float]:
    """Column and row spacing at the axis of rotation, and z of the detector's middle there, in mm."""
    columns, rows = float(scan.column_spacing.mean()), float(scan.row_spacing.mean())
    z = float(scan.detector[:, 2].mean())
    if scan.beam == "parallel":
        return columns, rows, z
    reach = np.linalg.norm((scan.detector - scan.source)[:, :2], axis=1).mean()
    shrink = float(np.linalg.norm(scan.source[:, :2], axis=1).mean() / reach)
    if scan.beam == "fan":
        return columns * shrink, rows, z
    source_z = float(scan.source[:, 2].mean())
    return columns * shrink, rows * shrink, source_z + (z - source_z) * shrink


def _is_helical(scan: ScanGeometry) -> bool:
    from scanmill.algorithms.reconstruction.helical import is_helical

    return is_helical(scan)


def _seen_by_helix(scan: ScanGeometry, dz: float, n_slices: int | None) -> tuple[float, float, int]:
    """The diameter of the field of view, the middle of the slices, and their number."""
    from scanmill.algorithms.reconstruction.helical import helix_of, seen_z

    if n_slices is not None:
        z = scan.detector[:, 2]
        middle = float(z.max() + z.min()) / 2
        try:
            return 2 * helix_of(scan).field_radius, middle, n_slices
        except InputError:  # no helix for wfbp; an iteration asks for less
            return scan.n_columns * _at_axis(scan)[0], middle, n_slices
    helix = helix_of(scan)
    low, high = seen_z(helix, helix.field_radius)
    return 2 * helix.field_radius, (low + high) / 2, int((high - low) / dz) + 1
