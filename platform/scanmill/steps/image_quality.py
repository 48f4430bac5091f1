"""`image.quality`: numbers for an image, by itself, against a reference image and against a true segmentation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from scanmill.algorithms import quality
from scanmill.arrays import Array, device_of, to_device, to_host
from scanmill.data import Labels, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect, optional, require_finite
from scanmill.steps.pictures import difference
from scanmill.steps.sizes import image_voxels

SSIM_WINDOW = 11
MOST_LABELS = 100


class QualityParams(Params):
    """What is measured, and under which names."""

    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_]{0,32}$", description="before each metric, e.g. tv_")
    noise: bool = Field(default=True, description="noise: standard deviation of the finest structure")
    edges: bool = Field(default=True, description="edge_width_mm: 10 to 90 % rise of the strongest edges")


def run(inputs: Mapping[str, Any], params: QualityParams, ctx: Context) -> Output:
    """psnr, ssim, rmse, nrmse (with ``reference``); mcc, dice (``labels`` with ``truth``); noise, edge_width_mm."""
    image = expect(inputs, "image", Volume)
    require_finite(image, "image")
    reference = optional(inputs, "reference", Volume)
    metrics: dict[str, float] = {}
    pictures = {}
    warnings: list[str] = []
    if reference is not None:
        _require_same_grid(image.geometry, reference.geometry, "reference")
        require_finite(reference, "reference")
        if image.unit and reference.unit and image.unit != reference.unit:
            raise InputError("it has another unit than the image", where="reference", expected=image.unit,
                             got=reference.unit, do="give ct.reconstruct the unit of the reference")  # fmt: skip
        there = to_device(reference.array, device_of(image.array))
        metrics |= _against(image.array, there)
        pictures["difference"] = difference(image, there)
    metrics |= _overlap(optional(inputs, "labels", Labels), optional(inputs, "truth", Labels))
    metrics |= _alone(image, params, warnings)
    infinite = [name for name, value in metrics.items() if not math.isfinite(value)]
    warnings += [f"{name} is not finite" for name in infinite]
    named = {params.prefix + name: value for name, value in metrics.items() if name not in infinite}
    return Output({}, named, {params.prefix + name: p for name, p in pictures.items()}, warnings=tuple(warnings))


def _against(image: Array, reference: Array) -> dict[str, float]:
    metrics = {
        "psnr": quality.psnr(image, reference),
        "rmse": quality.rmse(image, reference),
        "nrmse": quality.nrmse(image, reference),
    }
    if min(n for n in (*image.shape, SSIM_WINDOW) if n > 1) >= SSIM_WINDOW:
        metrics["ssim"] = quality.ssim(image, reference)
    return metrics


def _overlap(labels: Labels | None, truth: Labels | None) -> dict[str, float]:
    if labels is None or truth is None:
        return {}
    _require_same_grid(labels.geometry, truth.geometry, "truth")
    mask, true = labels.array > 0, to_device(truth.array, device_of(labels.array)) > 0
    return {
        "mcc": quality.matthews_correlation(mask, true),
        "dice": quality.dice(mask, true),
        **_dice_of_labels(labels, truth),
    }


def _dice_of_labels(labels: Labels, truth: Labels) -> dict[str, float]:
    """``dice_<label>`` of every label of a truth that has several, and ``dice_mean`` of them."""
    ours, theirs = to_host(labels.array), to_host(truth.array)
    found = [int(label) for label in np.unique(theirs) if label]
    if not 2 <= len(found) <= MOST_LABELS:
        return {}
    each = {f"dice_{label}": quality.dice(ours == label, theirs == label) for label in found}
    return {**each, "dice_mean": math.fsum(each.values()) / len(each)}


def _alone(image: Volume, params: QualityParams, warnings: list[str]) -> dict[str, float]:
    metrics = {}
    if params.noise:
        metrics["noise"] = quality.noise_sigma(image.array)
    if params.edges:
        try:
            metrics["edge_width_mm"] = quality.edge_width(image.array, spacing_mm=image.geometry.spacing[0])
        except InputError as error:
            warnings.append(f"edge_width_mm is left out: {error.what}")
    return metrics


def _require_same_grid(ours: VolumeGeometry, theirs: VolumeGeometry, port: str) -> None:
    if not ours.is_close(theirs, tolerance_mm=min(ours.spacing) / 100):
        raise InputError(
            "it lies on another grid than the image", where=port, expected=(ours.shape, ours.spacing),
            got=(theirs.shape, theirs.spacing), do="give ct.reconstruct the size and spacing of the reference",
        )  # fmt: skip


def _predict(columns: Mapping[str, Any], params: QualityParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.02 + voxels / 2e6, 0 if device == "cpu" else 80 * voxels)


STEP = Step(
    "image.quality",
    "Measure an image, by itself and against a reference or true segmentation",
    run,
    QualityParams,
    reads={
        "image": Port("volume"),
        "labels": Port("labels", optional=True),
        "reference": Port("volume", optional=True, many=True),
        "truth": Port("labels", optional=True, many=True),
    },
    predict=_predict,
)
