"""`segment.threshold`: what is brighter than a threshold, which Otsu may find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from scanmill.algorithms.segmentation import otsu_threshold
from scanmill.data import Labels, Volume
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect, require_finite
from scanmill.steps.sizes import image_voxels


class ThresholdParams(Params):
    """Where the threshold lies."""

    threshold: float | Literal["otsu"] = Field(default="otsu", description="otsu, or a number in the image's unit")
    n_bins: int = Field(default=256, ge=2, le=65536, description="otsu: bins of the histogram")
    name: str = Field(default="object", max_length=64, description="the word for label 1")


def run(inputs: Mapping[str, Any], params: ThresholdParams, ctx: Context) -> Output:
    """Label 1 where ``image > threshold``; metrics: threshold, object_mm3."""
    image = expect(inputs, "image", Volume)
    require_finite(image, "image")
    found = params.threshold == "otsu"
    threshold = otsu_threshold(image.array, n_bins=params.n_bins) if found else float(params.threshold)
    mask = image.array > threshold
    labels = Labels(mask.astype(np.uint8), image.geometry, {1: params.name})
    metrics = {"threshold": threshold, "object_mm3": float(mask.sum()) * image.geometry.voxel_volume}
    return Output({"labels": labels}, metrics)


def _predict(columns: Mapping[str, Any], params: ThresholdParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.01 + voxels / 2e7, 0 if device == "cpu" else 10 * voxels)


STEP = Step(
    "segment.threshold",
    "Label what is brighter than a threshold",
    run,
    ThresholdParams,
    reads={"image": Port("volume")},
    writes={"labels": Port("labels")},
    predict=_predict,
)
