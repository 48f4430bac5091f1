"""`register.apply`: an image or a segmentation on another one's grid, through a transform, with one interpolation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from scanmill.data import Labels, Volume
from scanmill.errors import InputError
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import require_finite
from scanmill.steps.register_inputs import middle_of, transform_at
from scanmill.steps.sizes import image_voxels

Interpolation = Literal["linear", "cubic", "nearest", "label"]


class ApplyParams(Params):
    """How it is resampled."""

    interpolation: Interpolation | None = Field(
        default=None, description="linear for images and label for segmentations, where not given"
    )
    inverse: bool = Field(
        default=False, description="through the inverse: what lies on the fixed image onto the moving"
    )
    placement: Literal["as-stored", "centres"] = Field(
        default="as-stored", description="without a transform: by coordinates, or the middle of one grid on the other's"
    )
    outside: float | Literal["least"] = Field(
        default="least", description="the value beyond the image: a number, or the image's least (0 for a segmentation)"
    )


def run(inputs: Mapping[str, Any], params: ApplyParams, ctx: Context) -> Output:
    """``moving`` at the voxels of ``fixed``, as ``warped``; metric ``outside_share``: how much of it lies beyond."""
    from scanmill.algorithms.registration.resample import resample
    from scanmill.data.transforms import Translation

    moving, fixed = (_image(inputs, port) for port in ("moving", "fixed"))
    transform = transform_at(inputs, "transform")
    if transform is None and params.placement == "centres":
        transform = Translation(middle_of(moving.geometry) - middle_of(fixed.geometry))
    if transform is not None and params.inverse:
        transform = transform.inverse()
    outside = params.outside
    if outside == "least":
        outside = 0.0 if isinstance(moving, Labels) else float(moving.array.min())
    warped = resample(moving, fixed.geometry, transform, interpolation=params.interpolation, outside=outside)
    inside = resample(_ones(moving), fixed.geometry, transform, interpolation="nearest")
    return Output({"warped": warped}, {"outside_share": 1.0 - float(inside.array.mean())})


def _image(inputs: Mapping[str, Any], port: str) -> Volume | Labels:
    value = inputs.get(port)
    if not isinstance(value, Volume | Labels):
        got = "nothing" if value is None else type(value).__name__
        raise InputError("an image or a segmentation is wanted", where=port, got=got)
    if isinstance(value, Volume):
        require_finite(value, port)
    return value


def _ones(image: Volume | Labels) -> Labels:
    return Labels(np.ones(image.geometry.shape, np.uint8), image.geometry)


def _predict(columns: Mapping[str, Any], params: ApplyParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.05 + voxels / 5e6, 0 if device == "cpu" else 40 * voxels)


STEP = Step(
    "register.apply",
    "Resample an image or a segmentation through a transform",
    run,
    ApplyParams,
    reads={"moving": Port("any"), "fixed": Port("any"), "transform": Port("transform", optional=True)},
    writes={"warped": Port("any")},
    predict=_predict,
)
