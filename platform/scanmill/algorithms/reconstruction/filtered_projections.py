"""The first half of filtered backprojection, the same for parallel, fan and cone beams: weigh, then filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from scanmill.algorithms.filtering import Window, ramp_filter
from scanmill.algorithms.reconstruction.circle import Circle, circle_of
from scanmill.algorithms.reconstruction.redundancy import Redundancy, ray_weights
from scanmill.arrays import Array, HostArray, device_of, to_device, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.geometry.scanner import Beam

STEADY = 1e-6
"""How many columns the detector may move from view to view and still count as standing still."""


def filtered_projections(
    projections: Projections,
    *,
    window: Window = "ram-lak",
    cutoff: float = 1.0,
    redundancy: Redundancy = "auto",
    max_gap_deg: float | None = None,
    views_at_once: int | None = None,
    device: str | None = None,
) -> Iterator[tuple[Array, ScanGeometry]]:
    """Line integrals, each times its ray's weight, ramp-filtered along the columns, in rad/mm; and their scan.

    The weight is `ray_weights` (redundancy and angular step) times the cosine of the angle to the central ray, as in
    `cosines`. The filter of a cylindrical detector is that of equal angles. The sum of the shadows over the views is
    the image. A detector off the middle comes back as wide as if it were symmetric, since the filter's tails count
    beyond its narrow side too. The views come ``views_at_once`` (all by default) on ``device`` (by default where the
    data are). Raises InputError for scans that are not circular.
    """
    if projections.quantity != "line_integral":
        raise InputError("wrong quantity", expected="line_integral", got=projections.quantity, do="prepare the counts")
    scan, circle = projections.geometry, circle_of(projections.geometry)
    max_gap_rad = None if max_gap_deg is None else float(np.deg2rad(max_gap_deg))
    share = ray_weights(circle, redundancy=redundancy, max_gap_rad=max_gap_rad)
    beside = missing_columns(circle)
    wide = widened(scan, *beside)
    radius = circle.distance if circle.cylindrical else float("inf")
    filtered = partial(ramp_filter, spacing=circle.spacing, window=window, cutoff=cutoff, radius=radius)
    size = views_at_once or scan.n_views
    for start in range(0, scan.n_views, size):
        views = slice(start, start + size)
        y = to_device(projections.array[views], device or device_of(projections.array))
        yield filtered(_weighted(y, circle.views(views), share[views], scan.beam, beside)), wide.views(views)


def _weighted(y: Array, circle: Circle, share: HostArray, beam: Beam, beside: tuple[int, int]) -> Array:
    """Every ray times its weight, with zeros ``beside`` the measured columns."""
    xp, dtype = xp_of(y), y.dtype if y.dtype == np.float64 else np.float32
    before, after = beside
    weighted = xp.zeros((*y.shape[:2], before + y.shape[2] + after), dtype=dtype)
    measured = weighted[:, :, before : before + y.shape[2]]
    steady = max(np.ptp(circle.t, axis=0).max(), np.ptp(circle.z, axis=0).max()) <= STEADY * circle.spacing
    cosine = xp.asarray(cosines(circle, 0, beam), dtype=dtype)
    for view in range(len(y)):
        if not steady:
            cosine = xp.asarray(cosines(circle, view, beam), dtype=dtype)
        xp.multiply(y[view], cosine * xp.asarray(share[view], dtype=dtype), out=measured[view])
    return weighted


def cosines(circle: Circle, view: int, beam: Beam) -> HostArray:
    """The cosine of the angle between each ray of a view and the central one; (row, column), or (1, column) for fans.

    D / √(D² + t² + z²) on a plane (Feldkamp, Davis & Kress, J. Opt. Soc. Am. A 1 (1984) 612, eq. 28),
    cos γ · D / √(D² + z²) on an arc.
    """
    slope = circle.z[view][:, None] / circle.distance if beam == "cone" else np.zeros((1, 1))
    if circle.cylindrical:
        return np.asarray(np.cos(circle.gamma[view]) / np.sqrt(1 + slope**2))
    return np.asarray(1 / np.sqrt(1 + (circle.t[view] / circle.distance) ** 2 + slope**2))


def missing_columns(circle: Circle) -> tuple[int, int]:
    """How many columns the detector lacks before its first and after its last one to be symmetric about the axis."""
    lopsided = (circle.t[:, 0].min() + circle.t[:, -1].max()) / circle.spacing
    n = int(np.ceil(abs(lopsided) - 1e-6))
    return (n, 0) if lopsided > 0 else (0, n)


def widened(scan: ScanGeometry, before: int, after: int) -> ScanGeometry:
    """The scan with columns added at both sides of its detector."""
    shifted = scan.with_detector_shift(columns=(after - before) / 2 * scan.column_spacing)
    return replace(shifted, n_columns=before + scan.n_columns + after)
