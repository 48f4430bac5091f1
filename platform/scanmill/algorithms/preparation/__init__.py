"""From raw counts to line integrals with the right geometry."""

from scanmill.algorithms.preparation.center_of_rotation import (
    AxisEstimate,
    axis_column,
    center_of_rotation,
    with_axis_column,
)
from scanmill.algorithms.preparation.double_wedge import axis_from_double_wedge
from scanmill.algorithms.preparation.flat_dark import dead_pixels, transmission
from scanmill.algorithms.preparation.hounsfield import from_hounsfield, to_hounsfield
from scanmill.algorithms.preparation.line_integrals import PHOTON_FLOOR, LineIntegrals, line_integrals
from scanmill.algorithms.preparation.merge_views import MergedViews, merge_views
from scanmill.algorithms.preparation.opposite_views import axis_from_opposite_views
from scanmill.algorithms.preparation.reconstruction_search import histogram_entropy, negativity, search_axis

__all__ = [
    "PHOTON_FLOOR",
    "AxisEstimate",
    "LineIntegrals",
    "MergedViews",
    "axis_column",
    "axis_from_double_wedge",
    "axis_from_opposite_views",
    "center_of_rotation",
    "dead_pixels",
    "from_hounsfield",
    "histogram_entropy",
    "line_integrals",
    "merge_views",
    "negativity",
    "search_axis",
    "to_hounsfield",
    "transmission",
    "with_axis_column",
]
