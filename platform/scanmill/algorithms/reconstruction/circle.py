"""What filtered backprojection needs to know of a circular scan, read from its vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry

RELATIVE_TOLERANCE = 1e-3
"""How far lengths and right angles may stray (relative) before a scan is no longer called circular."""


@dataclass(frozen=True, eq=False)
class Circle:
    """A circular scan around the z axis, its detector scaled to the axis.

    ``angles`` (n_views) in rad; ``t`` (n_views, n_columns) and ``z`` (n_views, n_rows) are the pixels' coordinates in
    mm on a detector shrunk to the plane or, if ``cylindrical``, to the arc that holds the axis of rotation (a cone's
    ``z`` counts from its source); ``distance`` is that from source to axis in mm, infinite for parallel rays;
    ``spacing`` that of the columns on the shrunk detector.
    """

    angles: HostArray
    t: HostArray
    z: HostArray
    distance: float
    spacing: float
    cylindrical: bool = False

    @property
    def gamma(self) -> HostArray:
        """The angle between each column's ray and the central one in rad, (n_views, n_columns); 0 if parallel."""
        return self.t / self.distance if self.cylindrical else np.arctan(self.t / self.distance)

    def views(self, chosen: slice) -> Circle:
        """The circle of some views."""
        return replace(self, angles=self.angles[chosen], t=self.t[chosen], z=self.z[chosen])


def circle_of(scan: ScanGeometry) -> Circle:
    """Read the circle of a scan around the z axis, an axis off the detector's middle included.

    Raises InputError where the rays do not turn in planes of constant z around the axis x = y = 0 at one distance,
    where the detector is tilted, skewed or resized from view to view, or where the focal spot stands off the centre
    of a cylindrical detector's arc: iterate there, or rebin.
    """
    across = scan.column_step / scan.column_spacing[:, None]
    _check(np.abs(across[:, 2]), "detector columns must run in planes of constant z")
    _check(1 - scan.row_step[:, 2] / scan.row_spacing, "detector rows must be stacked along z")
    spacing = _constant(scan.column_spacing, "the column spacing must not change")
    row_spacing = _constant(scan.row_spacing, "the row spacing must not change")
    columns = (np.arange(scan.n_columns) - (scan.n_columns - 1) / 2) * spacing
    z = scan.detector[:, 2:] + (np.arange(scan.n_rows) - (scan.n_rows - 1) / 2) * row_spacing
    if scan.beam == "parallel":
        direction = scan.detector - scan.source
        direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        _check(1 - _dot(direction, _along(scan)), "parallel rays must meet the detector at right angles")
        return Circle(scan.angles, _dot(scan.detector, across)[:, None] + columns, z, float("inf"), spacing)
    t, distance, reach = (_arc if scan.is_cylindrical else _plane)(scan, columns)
    if not 0 < distance < reach:
        raise InputError("the axis of rotation must lie between source and detector", got=(distance, reach))
    source_z, shrink = scan.source[:, 2:], distance / reach
    if scan.beam == "fan":
        _check((scan.detector[:, 2:] - source_z) / reach, "the fans must lie in planes of constant z")
    else:
        _check((source_z - source_z.mean()) / distance, "the source must stay in one plane of constant z")
        z = (z - source_z) * shrink
    return Circle(scan.angles, t * shrink, z, distance, spacing * shrink, scan.is_cylindrical)


def _along(scan: ScanGeometry) -> HostArray:
    """The unit vectors at right angles to the columns, away from the source of a circular scan."""
    across = scan.column_step / scan.column_spacing[:, None]
    return np.stack([-across[:, 1], across[:, 0], np.zeros(scan.n_views)], axis=-1)


def _plane(scan: ScanGeometry, columns: HostArray) -> tuple[HostArray, float, float]:
    """t on a flat detector, and the distances from the source to the axis and to the detector, in mm."""
    across, along = scan.column_step / scan.column_spacing[:, None], _along(scan)
    distance = _constant(-_dot(scan.source, along), "the source must keep its distance from the axis")
    reach = _constant(_dot(scan.detector - scan.source, along), "the detector must keep its distance from the source")
    _check(_dot(scan.source, across) / distance, "the detector must face the axis of rotation")
    return _dot(scan.detector, across)[:, None] + columns, distance, reach


def _arc(scan: ScanGeometry, columns: HostArray) -> tuple[HostArray, float, float]:
    """The same on a cylindrical detector, whose t is the length of the arc from the central ray."""
    spot, spoke = scan.source[:, :2], (scan.detector - scan.arc_center)[:, :2]
    distance = _constant(np.linalg.norm(spot, axis=1), "the source must keep its distance from the axis")
    reach = _constant(np.linalg.norm(spoke, axis=1), "the detector must keep its distance from the source")
    beside = np.linalg.norm(spot - np.asarray(scan.arc_center)[:, :2], axis=1)
    _check(beside / reach, "the focal spot must stand in the centre of the arc")
    sine, cosine = spoke[:, 1] * spot[:, 0] - spoke[:, 0] * spot[:, 1], -np.sum(spoke * spot, axis=1)
    return (reach * np.arctan2(sine, cosine))[:, None] + columns, distance, reach


def _dot(a: HostArray, b: HostArray) -> HostArray:
    return np.asarray(np.einsum("ij,ij->i", a, b))


def _check(deviation: HostArray, rule: str) -> None:
    worst = float(np.abs(deviation).max())
    if worst > RELATIVE_TOLERANCE:
        raise InputError(
            "not a circular scan", where=rule, expected=f"within {RELATIVE_TOLERANCE}", got=worst, do="use sirt or cgls"
        )


def _constant(values: HostArray, rule: str) -> float:
    middle = float(np.mean(values))
    _check((values - middle) / abs(middle), rule)
    return middle
