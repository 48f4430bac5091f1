"""Do a cone-beam scan's own data agree with its geometry? Judged by lines that were measured twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.preparation.redundant_lines import LinePairs, line_pairs
from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError


@dataclass(frozen=True)
class Consistency:
    """``residual``: the RMS difference of the two measurements of a line over the RMS of their mean, no unit.

    ``views`` are the views whose lines were followed, ``squares`` (len(views),) the mean squared difference of each
    over the mean square of all: their mean is ``residual``²; from their spread comes how sure a comparison is.
    """

    residual: float
    n_lines: int
    views: HostArray
    squares: HostArray


def consistency(projections: Projections, *, n_views: int = 64) -> Consistency:
    """Compare lines through two focal spots, each measured from either end, in up to ``n_views`` views.

    The line through the focal spots of two views lies on both detectors while the pitch is moderate (below about 1.4):
    it is the same line, not a neighbour, whatever the trajectory (the pi-lines of Danielsson, 1997). Between pixels
    the measurements are interpolated bilinearly; what that costs at edges stays in the residual, so that only
    residuals of the same scan can be compared. Any device. InputError for other beams, other quantities, and scans in
    which no line is seen twice.

    >>> from scanmill.geometry import ScanGeometry
    >>> from scanmill.phantoms.shepp_logan import shepp_logan_3d
    >>> scan = ScanGeometry.cone(np.arange(90) * np.pi / 45, 64, 9.0, n_rows=3, row_spacing=9.0,
    ...                          source_to_isocenter=500.0, source_to_detector=1000.0, axis_column=31.0)
    >>> seen = shepp_logan_3d().projections(scan)
    >>> wrong = ScanGeometry.cone(np.arange(90) * np.pi / 45, 64, 9.0, n_rows=3, row_spacing=9.0,
    ...                           source_to_isocenter=500.0, source_to_detector=1000.0, axis_column=32.0)
    >>> consistency(seen).residual < 0.5 * consistency(Projections(seen.array, wrong)).residual
    True
    """
    if projections.quantity != "line_integral":
        raise InputError("only line integrals can be compared", got=projections.quantity)
    pairs = line_pairs(projections.geometry, n_views=n_views)
    first, second = measured_twice(projections.array, pairs)
    size = np.square((first + second) / 2).mean()
    if not size > 0:
        raise InputError("the lines that are measured twice are all empty")
    squares = np.square(first - second) / size
    views, place, counts = np.unique(pairs.first_view, return_inverse=True, return_counts=True)
    per_view = np.bincount(place, squares) / counts
    return Consistency(float(np.sqrt(per_view.mean())), len(squares), views, per_view)


def measured_twice(array: Array, pairs: LinePairs) -> tuple[HostArray, HostArray]:
    """Both measurements of every line, float64."""
    return (
        _interpolated(array, pairs.first_view, pairs.first_pixel),
        _interpolated(array, pairs.second_view, pairs.second_pixel),
    )


def _interpolated(array: Array, view: HostArray, pixel: HostArray) -> HostArray:
    """Bilinear values at (row, column) positions inside the detector."""
    xp = xp_of(array)
    last = np.array(array.shape[1:]) - 1
    low = np.minimum(np.floor(pixel).astype(np.int64), np.maximum(last - 1, 0))
    high = np.minimum(low + 1, last)
    part = pixel - low
    view, (r0, c0), (r1, c1) = xp.asarray(view), xp.asarray(low.T), xp.asarray(high.T)
    row, column = xp.asarray(part.T)
    near = array[view, r0, c0] * (1 - column) + array[view, r0, c1] * column
    far = array[view, r1, c0] * (1 - column) + array[view, r1, c1] * column
    return to_host(near * (1 - row) + far * row).astype(np.float64)
