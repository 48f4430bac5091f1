"""The rays of a scan around the z axis, each as a line in its transaxial plane and a rise along z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry

LEVEL = 1e-3
"""How far (relative) columns may leave the plane of constant z, and rows the z axis."""


@dataclass(frozen=True, eq=False)
class FanRays:
    """Where every detector column looks, (view, column) float64.

    The ray runs along (-sin θ, cos θ) at t = x cos θ + y sin θ mm from the axis, and l = y cos θ - x sin θ counts along
    it. The source stood at l = ``source_l``, z = ``source_z`` (view); row r rises by ``rise`` + r ``rise_step`` mm a
    transaxial mm. ``theta`` in rad is continuous over the turns.
    """

    theta: HostArray
    t: HostArray
    source_l: HostArray
    source_z: HostArray
    rise: HostArray
    rise_step: HostArray


def fan_rays(scan: ScanGeometry, columns: HostArray | None = None, gantry: HostArray | None = None) -> FanRays:
    """The rays of the chosen columns (all by default); ``gantry`` (view) is the angle that θ continues, in rad.

    Flat and cylindrical detectors, and any position of the focal spot. Raises InputError where the columns do not lie
    in planes of constant z or the rows are not stacked along z.
    """
    if scan.beam != "cone":
        raise InputError("a cone beam is wanted", expected="cone", got=scan.beam)
    level = max(np.abs(scan.column_step[:, 2] / scan.column_spacing).max(), _sideways(scan))
    if level > LEVEL:
        raise InputError("the detector is tilted", expected="rows stacked along z", got=float(level), do="iterate")
    c = np.arange(scan.n_columns) if columns is None else np.asarray(columns)
    pixels = _middle_row(scan, c - (scan.n_columns - 1) / 2)
    away = pixels - scan.source[:, None, :2]
    length = np.linalg.norm(away, axis=-1)
    dx, dy = away[..., 0] / length, away[..., 1] / length
    sx, sy = scan.source[:, :1], scan.source[:, 1:2]
    gantry = np.unwrap(scan.angles) if gantry is None else gantry
    theta = np.arctan2(-dx, dy) - gantry[:, None]
    theta = gantry[:, None] + (theta + np.pi) % (2 * np.pi) - np.pi
    row_z = scan.row_step[:, 2]
    first_row = scan.detector[:, 2] - scan.source[:, 2] - (scan.n_rows - 1) / 2 * row_z
    return FanRays(
        theta, sx * dy - sy * dx, sx * dx + sy * dy, scan.source[:, 2], first_row[:, None] / length,
        row_z[:, None] / length,
    )  # fmt: skip


def _sideways(scan: ScanGeometry) -> float:
    return float(np.abs(np.linalg.norm(scan.row_step[:, :2], axis=1) / scan.row_spacing).max())


def _middle_row(scan: ScanGeometry, columns: HostArray) -> HostArray:
    """x and y of the pixels (view, column, 2), their columns counted from the middle."""
    if scan.arc_center is None:
        return np.asarray(scan.detector[:, None, :2] + columns[:, None] * scan.column_step[:, None, :2])
    center = scan.arc_center[:, None, :2]
    normal = scan.detector[:, None, :2] - center
    radius = np.linalg.norm(normal, axis=-1, keepdims=True)
    spacing = scan.column_spacing[:, None, None]
    angle = columns[:, None] * spacing / radius
    across = scan.column_step[:, None, :2] / spacing
    return np.asarray(center + np.cos(angle) * normal + np.sin(angle) * radius * across)
