"""`ct.calibrate`: the detector's true place from a scan of balls, for the scan of a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from scanmill.algorithms.preparation import calibration
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect, require_finite
from scanmill.steps.sizes import scan_pixels

FEW_VIEWS = 0.5
"""Below this share of views that show every ball the row is warned."""
MANY_OUTSIDE = 0.1
"""Above this share of pixels that are not covered the row is warned."""
LOOSE_RMS = 0.5
"""Pixels by which the model may miss the balls before the row is warned."""


class CalibrateParams(Params):
    """What is sought, and in what."""

    freedoms: tuple[calibration.Freedom, ...] = Field(
        default=calibration.USUAL, min_length=1, max_length=6, description="what may stand wrong"
    )
    rectify: bool = Field(
        default=True, description="resample onto a level detector, as fdk needs it; false: correct the geometry only"
    )
    n_balls: int | None = Field(default=None, ge=1, le=1000, description="by default the number that most views show")
    threshold: float | None = Field(
        default=None, gt=0, le=1e3, description="line integral above which a pixel is in a ball's shadow"
    )


def run(inputs: Mapping[str, Any], params: CalibrateParams, ctx: Context) -> Output:
    """The scan on a level detector, or with its geometry corrected; metrics: columns_mm, in_plane_deg, ..., _sigma."""
    scan, balls = expect(inputs, "scan", Projections), expect(inputs, "balls", Projections)
    require_finite(scan, "scan")
    _require_one_scanner(scan.geometry, balls.geometry)
    tracks = calibration.find_balls(balls, n_balls=params.n_balls, threshold=params.threshold)
    found = calibration.calibrate(tracks, balls.geometry, freedoms=params.freedoms)
    share = len(tracks.views) / tracks.n_views
    warnings = []
    if share < FEW_VIEWS:
        warnings.append(f"only {share:.0%} of the views show all {tracks.rows.shape[1]} balls")
    if found.rms_px > LOOSE_RMS:
        warnings.append(f"the balls are missed by {found.rms_px:.2f} pixels: something else stands wrong too")
    metrics = calibration.describe(found) | {"n_balls": float(tracks.rows.shape[1]), "views_share": share}
    corrected = calibration.misaligned(scan.geometry, found.misalignment)
    scan, believed = replace(scan, geometry=corrected), scan.geometry
    if params.rectify:
        scan, outside = calibration.rectify(scan, believed)
        metrics["outside_share"] = outside
        if outside > MANY_OUTSIDE:
            warnings.append(f"{outside:.0%} of the level detector's pixels lie outside the true one")
    return Output({"scan": scan}, metrics, warnings=tuple(warnings))


def _require_one_scanner(scan: ScanGeometry, balls: ScanGeometry) -> None:
    expected, got = _scanner(scan), _scanner(balls)
    if not np.allclose(expected, got, rtol=1e-4):
        raise InputError("the balls were scanned by another scanner (rows, columns, spacings, distances in mm)",
                         where="balls", expected=expected, got=got)  # fmt: skip


def _scanner(scan: ScanGeometry) -> tuple[float, ...]:
    source = np.linalg.norm(scan.source[:, :2], axis=1).mean()
    reach = np.linalg.norm(scan.detector - scan.source, axis=1).mean()
    sizes = scan.n_rows, scan.n_columns, scan.row_spacing.mean(), scan.column_spacing.mean(), source, reach
    return tuple(round(float(size), 6) for size in sizes)


def _predict(columns: Mapping[str, Any], params: CalibrateParams, device: str) -> Prediction:
    return Prediction(1.0 + scan_pixels(columns) / 1e7)


STEP = Step(
    "ct.calibrate",
    "Correct where the detector stands by a scan of balls (cone beam)",
    run,
    CalibrateParams,
    reads={"scan": Port("projections"), "balls": Port("projections")},
    writes={"scan": Port("projections")},
    predict=_predict,
)
