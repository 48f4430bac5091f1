"""How a detector stands off where it is thought to stand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry


@dataclass(frozen=True)
class Misalignment:
    """The detector moved by ``columns``, ``rows`` and ``distance`` (mm, along its columns, its rows and away from the
    source), then turned about its middle by ``in_plane`` (rad, from the columns to the rows), ``slant`` (about its
    columns, from the rows to the normal) and ``tilt`` (about its rows, from the columns to the normal).

    The same in every view, since source and detector stand on one gantry.
    """

    columns: float = 0.0
    rows: float = 0.0
    in_plane: float = 0.0
    tilt: float = 0.0
    slant: float = 0.0
    distance: float = 0.0


def misaligned(scan: ScanGeometry, by: Misalignment) -> ScanGeometry:
    """The cone-beam scan whose flat detector stands off by that much.

    Raises InputError for other beams and for cylindrical detectors.

    >>> scan = ScanGeometry.cone([0.0], 8, 2.0, n_rows=4, row_spacing=1.0, source_to_isocenter=5, source_to_detector=9)
    >>> moved = misaligned(scan, Misalignment(columns=3.0, in_plane=np.pi / 2))
    >>> moved.detector.tolist(), moved.column_step.round(9).tolist()
    ([[3.0, 4.0, 0.0]], [[0.0, 0.0, 2.0]])
    """
    require_flat_cone(scan)
    u, v = (step / np.linalg.norm(step, axis=1, keepdims=True) for step in (scan.column_step, scan.row_step))
    w = normals(scan)
    detector = scan.detector + by.columns * u + by.rows * v + by.distance * w
    c, s = np.cos(by.in_plane), np.sin(by.in_plane)
    u, v = c * u + s * v, c * v - s * u
    v, w = np.cos(by.slant) * v + np.sin(by.slant) * w, np.cos(by.slant) * w - np.sin(by.slant) * v
    u = np.cos(by.tilt) * u + np.sin(by.tilt) * w
    return replace(
        scan,
        detector=detector,
        column_step=u * scan.column_spacing[:, None],
        row_step=v * scan.row_spacing[:, None],
    )


def normals(scan: ScanGeometry) -> HostArray:
    """The unit normal of the detector that points away from the source, (view, 3)."""
    w = np.cross(scan.column_step, scan.row_step)
    w = w / np.linalg.norm(w, axis=1, keepdims=True)
    side = np.sign(((scan.detector - scan.source) * w).sum(axis=1, keepdims=True))
    return np.asarray(w * side)


def project_points(scan: ScanGeometry, points: HostArray) -> tuple[HostArray, HostArray]:
    """Where points (n, 3) in mm fall on the detector: rows and columns, each (view, n), in zero-based pixel centres.

    A point p falls on s + t (p − s), with t such that it lies in the detector's plane.
    """
    require_flat_cone(scan)
    w = normals(scan)
    away = np.asarray(points)[None] - scan.source[:, None]
    reach = ((scan.detector - scan.source) * w).sum(axis=1)[:, None] / np.einsum("vni,vi->vn", away, w)
    hit = scan.source[:, None] + reach[..., None] * away - scan.detector[:, None]
    steps = np.stack([scan.row_step, scan.column_step], axis=1)
    gram = np.linalg.inv(np.einsum("vai,vbi->vab", steps, steps))
    place = np.einsum("vab,vbi,vni->avn", gram, steps, hit)
    return place[0] + (scan.n_rows - 1) / 2, place[1] + (scan.n_columns - 1) / 2


def require_flat_cone(scan: ScanGeometry) -> None:
    """Refuse what has no focal spot or no plane."""
    if scan.beam != "cone" or scan.is_cylindrical:
        shape = "cylindrical" if scan.is_cylindrical else "flat"
        raise InputError("calibration is for cone beams with flat detectors", got=f"{scan.beam}, {shape}")
