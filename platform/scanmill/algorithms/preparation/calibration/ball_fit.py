"""The geometry that explains where the balls were seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from scanmill.algorithms.preparation.calibration.balls import BallTracks
from scanmill.algorithms.preparation.calibration.misalignment import (
    Misalignment,
    misaligned,
    project_points,
    require_flat_cone,
)
from scanmill.arrays import HostArray
from scanmill.errors import ConvergenceError, InputError
from scanmill.geometry import ScanGeometry

Freedom = Literal["columns", "rows", "in_plane", "tilt", "slant", "distance"]
USUAL: tuple[Freedom, ...] = ("columns", "rows", "in_plane")
LARGEST_RMS = 2.0
"""Pixels that the model may miss the balls by in the root mean square before it is called wrong."""
UNKNOWABLE = 1e12
"""The condition of the normal equations from which on the balls do not determine the geometry."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """``geometry`` is the corrected scan, ``misalignment`` what was found, ``sigma`` its standard deviations by name,
    ``rms_px`` how far the balls are missed, ``balls`` (n, 3) where they lie in mm."""

    geometry: ScanGeometry
    misalignment: Misalignment
    sigma: Mapping[str, float]
    rms_px: float
    balls: HostArray


def calibrate(tracks: BallTracks, scan: ScanGeometry, *, freedoms: tuple[Freedom, ...] = USUAL) -> Calibration:
    """Fit the detector's position and the balls' unknown places to the centroids, by least squares in pixels.

    ``scan`` is the geometry as it is believed to be; its angles, its circle and its pixels are kept. What may differ
    is named in ``freedoms`` (`Misalignment`). The balls' distances need not be known, so the source's distance from
    the axis sets the scale. The problem of K. Yang, A. Kwan, D. Miller, J. Boone, "A geometric calibration method for
    cone beam CT systems", Med. Phys. 33 (2006) 1695, and F. Noo et al., Phys. Med. Biol. 45 (2000) 3489, solved by
    Levenberg and Marquardt's iteration instead of ellipses, so that any poses will do.
    Raises InputError where the beam is no flat cone, or the balls do not determine the geometry (on the axis, too
    few), ConvergenceError where the model misses the balls by more than `LARGEST_RMS` pixels.
    """
    from scipy.optimize import least_squares

    require_flat_cone(scan)
    if not freedoms or scan.n_views != tracks.n_views:
        raise InputError("the tracks belong to another scan", expected=scan.n_views, got=tracks.n_views)
    seen, n = scan.views(tracks.views), len(freedoms)
    scale = np.array([1.0 if name in ("columns", "rows", "distance") else 0.01 for name in freedoms])

    def model(x: HostArray) -> tuple[Misalignment, HostArray]:
        values = {name: float(value) for name, value in zip(freedoms, x[:n] * scale, strict=True)}
        return Misalignment(**values), x[n:].reshape(-1, 3)

    def misfit(x: HostArray) -> HostArray:
        by, balls = model(x)
        rows, columns = project_points(misaligned(seen, by), balls)
        return np.concatenate([(rows - tracks.rows).ravel(), (columns - tracks.columns).ravel()])

    start = np.concatenate([np.zeros(n), _triangulated(tracks, seen).ravel()])
    found = least_squares(misfit, start, method="lm", x_scale="jac")
    by, balls = model(found.x)
    rms = float(np.sqrt(2 * found.cost / tracks.rows.size))
    if not found.success or rms > LARGEST_RMS:
        raise ConvergenceError("the balls fit no geometry", expected=f"at most {LARGEST_RMS} px", got=f"{rms:.2f} px",
                               do="look at the angles, the distances and the views' order")  # fmt: skip
    sigma = _sigma(found.jac, 2 * found.cost)[:n] * scale
    return Calibration(misaligned(scan, by), by, dict(zip(freedoms, sigma.tolist(), strict=True)), rms, balls)


def _triangulated(tracks: BallTracks, scan: ScanGeometry) -> HostArray:
    """For every ball the point (n, 3) nearest to all its rays: Σ (1 − d dᵀ)(x − s) = 0."""
    r, c = tracks.rows - (scan.n_rows - 1) / 2, tracks.columns - (scan.n_columns - 1) / 2
    pixel = scan.detector[:, None] + r[..., None] * scan.row_step[:, None] + c[..., None] * scan.column_step[:, None]
    d = pixel - scan.source[:, None]
    d = d / np.linalg.norm(d, axis=-1, keepdims=True)
    across = np.eye(3) - d[..., :, None] * d[..., None, :]
    right = np.einsum("vnij,vj->ni", across, scan.source)
    return np.asarray(np.linalg.solve(across.sum(axis=0), right[..., None])[..., 0])


def _sigma(jacobian: HostArray, squares: float) -> HostArray:
    """Standard deviations of the parameters from the residuals' variance."""
    size = np.linalg.norm(jacobian, axis=0)
    if not (size > 0).all():
        raise InputError("the balls do not determine the geometry", do="use more balls, away from the axis")
    normal = (jacobian / size).T @ (jacobian / size)
    if np.linalg.cond(normal) > UNKNOWABLE:
        raise InputError("the balls do not determine the geometry", got=f"condition {np.linalg.cond(normal):.0e}",
                         do="use more balls away from the axis, or name fewer freedoms")  # fmt: skip
    variance = squares / max(len(jacobian) - len(size), 1)
    return np.asarray(np.sqrt(variance * np.diag(np.linalg.inv(normal))) / size)


def describe(found: Calibration) -> dict[str, float]:
    """The found numbers as metrics: mm, and degrees with ``_deg``; each with its sigma; and rms_px."""
    values = asdict(found.misalignment)
    metrics = {"rms_px": found.rms_px}
    for name, sigma in found.sigma.items():
        turn = name in ("in_plane", "tilt", "slant")
        key, factor = (f"{name}_deg", float(np.rad2deg(1.0))) if turn else (f"{name}_mm", 1.0)
        metrics |= {key: values[name] * factor, f"{key}_sigma": sigma * factor}
    return metrics
