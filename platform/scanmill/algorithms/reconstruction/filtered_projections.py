"""The first half of filtered backprojection, the same for parallel, fan and cone beams: weigh, then filter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.algorithms.filtering import Window, ramp_filter
from scanmill.algorithms.reconstruction.circle import Circle, circle_of
from scanmill.algorithms.reconstruction.redundancy import Redundancy, ray_weights
from scanmill.arrays import Array, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry


def filtered_projections(
    projections: Projections,
    *,
    window: Window = "ram-lak",
    cutoff: float = 1.0,
    redundancy: Redundancy = "auto",
    max_gap_deg: float | None = None,
) -> tuple[Array, ScanGeometry]:
    """Line integrals, each times its ray's weight, ramp-filtered along the columns, in rad/mm; and their scan.

    The weight is `ray_weights` (redundancy and angular step) times the cosine D / √(D² + t² + z²) of the angle to
    the central ray (Feldkamp, Davis & Kress, J. Opt. Soc. Am. A 1 (1984) 612, eq. 28; z = 0 for a stack of fans).
    The sum of their shadows over the views is the image. A detector off the middle comes back as wide as if it were
    symmetric, since the filter's tails count beyond its narrow side too. Raises InputError for scans that are not
    circular.
    """
    if projections.quantity != "line_integral":
        raise InputError("wrong quantity", expected="line_integral", got=projections.quantity, do="prepare the counts")
    scan, y = projections.geometry, projections.array
    circle = circle_of(scan)
    max_gap_rad = None if max_gap_deg is None else float(np.deg2rad(max_gap_deg))
    share = ray_weights(circle, redundancy=redundancy, max_gap_rad=max_gap_rad)[:, None, :]
    z = circle.z[:, :, None] if scan.beam == "cone" else np.zeros((1, 1, 1))
    xp = xp_of(y)
    dtype = y.dtype if y.dtype == np.float64 else np.float32
    before, after = missing_columns(circle)
    weighted = xp.zeros((*y.shape[:2], before + y.shape[2] + after), dtype=dtype)
    measured = weighted[:, :, before : before + y.shape[2]]
    for view in range(scan.n_views):
        slope2 = (circle.t[view] / circle.distance) ** 2 + (z[min(view, len(z) - 1)] / circle.distance) ** 2
        measured[view] = y[view] * xp.asarray(share[view] / np.sqrt(1 + slope2), dtype=dtype)
    return ramp_filter(weighted, circle.spacing, window=window, cutoff=cutoff), widened(scan, before, after)


def missing_columns(circle: Circle) -> tuple[int, int]:
    """How many columns the detector lacks before its first and after its last one to be symmetric about the axis."""
    lopsided = (circle.t[:, 0].min() + circle.t[:, -1].max()) / circle.spacing
    n = int(np.ceil(abs(lopsided) - 1e-6))
    return (n, 0) if lopsided > 0 else (0, n)


def widened(scan: ScanGeometry, before: int, after: int) -> ScanGeometry:
    """The scan with columns added at both sides of its detector."""
    shift = (after - before) / 2 * scan.column_step
    source = scan.source + shift if scan.beam == "parallel" else scan.source
    n_columns = before + scan.n_columns + after
    return replace(scan, source=source, detector=scan.detector + shift, n_columns=n_columns)
