"""`ct.merge`: the partial scans of a group become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from scanmill.algorithms.preparation import merge_views
from scanmill.data import Projections
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect_many
from scanmill.steps.sizes import scan_pixels


class MergeParams(Params):
    """When two views are one."""

    tolerance_deg: float = Field(
        default=0.01, ge=0, le=180, description="views closer than this in angle are averaged, degrees"
    )


def run(inputs: Mapping[str, Any], params: MergeParams, ctx: Context) -> Output:
    """Views in order of their angles, those of equal angle averaged."""
    parts = expect_many(inputs, "scan", Projections)
    merged = merge_views(parts, tolerance_deg=params.tolerance_deg)
    metrics = {
        "n_scans": float(len(parts)),
        "n_views": float(merged.projections.geometry.n_views),
        "n_duplicate_views": float(merged.n_duplicates),
    }
    return Output(values={"scan": merged.projections}, metrics=metrics)


def _predict(columns: Mapping[str, Any], params: MergeParams, device: str) -> Prediction:
    return Prediction(0.02 + scan_pixels(columns) / 5e7)


STEP = Step(
    "ct.merge",
    "Merge the partial scans of a group into one",
    run,
    MergeParams,
    reads={"scan": Port("projections", many=True)},
    writes={"scan": Port("projections")},
    predict=_predict,
)
