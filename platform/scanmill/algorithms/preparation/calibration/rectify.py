"""Projections of a detector that stands wrong, as one that stands right would have seen them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scanmill.algorithms.preparation.calibration.misalignment import project_points, require_flat_cone
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import ndimage_of, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry


class Rectified(NamedTuple):
    """``projections`` on the wanted detector, and the share of its pixels that the true one did not cover."""

    projections: Projections
    outside_share: float


def rectify(projections: Projections, onto: ScanGeometry) -> Rectified:
    """Resample flat cone-beam line integrals onto the detector of ``onto``, whose focal spots are the same.

    The ray through each wanted pixel is found on the true detector, and its line integral interpolated by cubic
    splines: the same lines, so exact up to interpolation. Filtered backprojection needs it, since it filters along
    rows that lie in planes of constant z. Pixels that the true detector did not cover take its nearest.
    Raises InputError for other beams and quantities, NaN, or other focal spots.
    """
    true = projections.geometry
    require_flat_cone(true)
    require_flat_cone(onto)
    if projections.quantity != "line_integral":
        raise InputError("line integrals are resampled", got=projections.quantity, do="run ct.prepare before")
    if true.n_views != onto.n_views or not np.allclose(true.source, onto.source, atol=1e-6):
        raise InputError("the focal spots differ", expected=true.n_views, got=onto.n_views)
    require_finite(projections.array, "the scan")
    xp = xp_of(projections.array)
    array = xp.empty(onto.shape, dtype=projections.array.dtype)
    outside = 0
    for view in range(onto.n_views):
        rows, columns = project_points(true.views([view]), onto.pixels(view).reshape(-1, 3))
        outside += int(((rows < -0.5) | (rows > true.n_rows - 0.5)).sum())
        outside += int(((columns < -0.5) | (columns > true.n_columns - 0.5)).sum())
        places = xp.asarray(np.concatenate([rows, columns]))
        sampled = ndimage_of(array).map_coordinates(projections.array[view], places, order=3, mode="nearest")
        array[view] = sampled.reshape(onto.shape[1:])
    return Rectified(replace(projections, array=array, geometry=onto), outside / array.size)
