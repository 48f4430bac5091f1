"""Where on the detector the axis of rotation stands: read, estimated, corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scanmill.algorithms.preparation.double_wedge import axis_from_double_wedge
from scanmill.algorithms.preparation.opposite_views import axis_from_opposite_views
from scanmill.arrays import HostArray
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry

Method = Literal["opposite", "double_wedge"]


@dataclass(frozen=True)
class AxisEstimate:
    """``column``: zero-based pixel centre, fractions allowed; ``spread``: the robust standard deviation of the
    ``n_answers`` that its median stands on (0 for one)."""

    column: float
    spread: float
    n_answers: int
    method: str


def center_of_rotation(projections: Projections, *, method: Method = "opposite") -> AxisEstimate:
    """Estimate the axis column of a parallel scan from its line integrals.

    ``"opposite"`` registers views with their mirrored opposites (:func:`axis_from_opposite_views`);
    ``"double_wedge"`` needs half a turn of even steps (:func:`axis_from_double_wedge`). For fan and cone beams, and
    for shorter arcs, use :func:`search_axis` with a reconstruction.
    Raises InputError for other beams or quantities, for NaN, and where no views are opposite.

    >>> from scanmill.phantoms import shepp_logan_2d
    >>> angles = np.linspace(0, np.pi, 180, endpoint=False)
    >>> scan = ScanGeometry.parallel(angles, n_columns=128, column_spacing=2.0, axis_column=60.3)
    >>> round(center_of_rotation(shepp_logan_2d().projections(scan, supersampling=4)).column, 1)
    60.3
    """
    scan = projections.geometry
    if scan.beam != "parallel":
        raise InputError("opposite views mirror only parallel rays", got=scan.beam, do="use search_axis")
    if projections.quantity != "line_integral":
        raise InputError(
            "the axis is sought in line integrals", got=projections.quantity, do="take the logarithm first"
        )
    if method == "double_wedge":
        return AxisEstimate(axis_from_double_wedge(projections.array, scan.angles), 0.0, 1, method)
    return AxisEstimate(*axis_from_opposite_views(projections.array, scan.angles), method)


def axis_column(scan: ScanGeometry) -> HostArray:
    """The column onto which the axis x = y = 0 falls in each view, as the geometry has it.

    >>> axis_column(ScanGeometry.parallel([0.0, 1.0], n_columns=10, column_spacing=2.0, axis_column=3.25)).tolist()
    [3.25, 3.25]
    """
    along = (scan.detector - scan.source if scan.beam == "parallel" else -scan.source)[:, :2]
    if scan.arc_center is not None:
        return _axis_on_arc(scan, along)
    across, towards = scan.column_step[:, :2], -scan.detector[:, :2]
    columns = _cross(along, towards) / _cross(along, across)
    return np.asarray((scan.n_columns - 1) / 2 + columns)


def with_axis_column(scan: ScanGeometry, column: float) -> ScanGeometry:
    """The scan whose detector stands so that the axis falls on ``column`` in the mean of all views.

    >>> scan = with_axis_column(ScanGeometry.parallel([0.0], n_columns=10, column_spacing=2.0), 3.25)
    >>> axis_column(scan).tolist()
    [3.25]
    """
    off = float(axis_column(scan).mean()) - column
    return scan.with_detector_shift(columns=off * scan.column_spacing)


def _axis_on_arc(scan: ScanGeometry, along: HostArray) -> HostArray:
    """Where the rays from the focal spots through the axis meet the arcs, in columns."""
    assert scan.arc_center is not None
    spoke, start = (scan.detector - scan.arc_center)[:, :2], (scan.source - scan.arc_center)[:, :2]
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    behind = np.einsum("ij,ij->i", start, along)
    radius2 = np.einsum("ij,ij->i", spoke, spoke)
    reach = np.sqrt(behind**2 + radius2 - np.einsum("ij,ij->i", start, start)) - behind
    hit = start + reach[:, None] * along
    angle = np.arctan2(_cross(hit, spoke), np.einsum("ij,ij->i", spoke, hit))
    angle = angle * np.sign(_cross(scan.column_step[:, :2], spoke))
    return np.asarray((scan.n_columns - 1) / 2 + angle * np.sqrt(radius2) / scan.column_spacing)


def _cross(a: HostArray, b: HostArray) -> HostArray:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
