"""`ct.metal` and `ct.insert_metal`: metal leaves the projections, and comes back into the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from scanmill.algorithms.preparation import correction
from scanmill.arrays import to_device
from scanmill.data import Labels, Projections, Volume
from scanmill.errors import InputError
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.ct_unit import in_attenuation, water_of
from scanmill.steps.expected import expect, require_finite
from scanmill.steps.memory import require_memory
from scanmill.steps.pictures import sinogram
from scanmill.steps.sizes import SCAN, image_voxels, scan_pixels


class MetalParams(Params):
    """What is metal, and how its shadow is bridged."""

    threshold_hu: float = Field(default=2500.0, gt=0, le=1e5, description="brighter in the first image is metal, HU")
    method: correction.MetalMethod = Field(
        default="normalised", description="interpolated (Kalender 1987) or normalised by a prior image (Meyer 2010)"
    )
    bone_hu: float = Field(default=300.0, gt=0, le=1e5, description="normalised: brighter stays as it is in the prior")
    margin_voxels: int = Field(default=1, ge=0, le=20, description="the metal grows by so many voxels")


def run(inputs: Mapping[str, Any], params: MetalParams, ctx: Context) -> Output:
    """The scan without metal, and the metal as labels; metrics: metal_mm3, shadow_share."""
    from scanmill.operators.projection import ProjectionOp
    from scanmill.operators.projection_memory import predict_bytes

    scan, first = expect(inputs, "scan", Projections), expect(inputs, "image", Volume)
    if scan.quantity != "line_integral":
        raise InputError("line integrals are wanted", where="scan", got=scan.quantity, do="run ct.prepare before")
    water = water_of(scan)
    scan = replace(scan, array=to_device(scan.array, ctx.device).astype(np.float32))
    image = in_attenuation(replace(first, array=to_device(first.array, ctx.device)), scan)
    require_finite(image, "image")
    needed = predict_bytes(image.geometry, scan.geometry, device=ctx.device)
    require_memory(needed + 4 * (6 * scan.array.size + 4 * image.array.size), scan.array, "the metal's shadow")
    done = correction.reduce_metal(
        scan, image, ProjectionOp(image.geometry, scan.geometry, device=ctx.device),
        metal=_attenuation(params.threshold_hu, water), bone=_attenuation(params.bone_hu, water), water=water,
        method=params.method, margin_voxels=params.margin_voxels,
    )  # fmt: skip
    metal = Labels(done.mask.astype(np.uint8), image.geometry, {1: "metal"})
    found = bool(done.mask.any())
    metrics = {
        "metal_mm3": float(done.mask.sum()) * image.geometry.voxel_volume,
        "shadow_share": done.shadow_share,
    }
    warnings = () if found else (f"no metal above {params.threshold_hu:g} HU: the scan is unchanged",)
    return Output(
        {"scan": done.projections, "metal": metal}, metrics, {"sinogram": sinogram(done.projections)}, warnings=warnings
    )


def insert(inputs: Mapping[str, Any], params: Params, ctx: Context) -> Output:
    """The image with the metal's voxels as the first image has them."""
    image, first, metal = (
        expect(inputs, "image", Volume),
        expect(inputs, "first", Volume),
        expect(inputs, "metal", Labels),
    )
    require_finite(image, "image")
    require_finite(first, "first")
    if not metal.geometry.is_close(image.geometry):
        raise InputError("it lies on another grid than the image", where="metal", expected=image.geometry.shape,
                         got=metal.geometry.shape)  # fmt: skip
    return Output({"image": correction.insert_metal(image, first, metal.array > 0)})


def _attenuation(hounsfield: float, water: float) -> float:
    return water * (1 + hounsfield / 1000)


def _predict(columns: Mapping[str, Any], params: MetalParams, device: str) -> Prediction:
    meetings = int(columns.get(SCAN[0]) or 0) * image_voxels(columns)
    held = 0 if device == "cpu" else 4 * (10 * scan_pixels(columns) + 8 * image_voxels(columns))
    return Prediction(0.1 + 2 * meetings / (2e8 if device == "cpu" else 2e10), held)


def _predict_insert(columns: Mapping[str, Any], params: Params, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.01 + voxels / 5e7, 0 if device == "cpu" else 12 * voxels)


STEP = Step(
    "ct.metal",
    "Take metal out of the projections, as a first image shows it",
    run,
    MetalParams,
    reads={"scan": Port("projections"), "image": Port("volume")},
    writes={"scan": Port("projections"), "metal": Port("labels")},
    predict=_predict,
)
INSERT = Step(
    "ct.insert_metal",
    "Put the metal of the first image back into the corrected one",
    insert,
    reads={"image": Port("volume"), "first": Port("volume"), "metal": Port("labels")},
    writes={"image": Port("volume")},
    predict=_predict_insert,
)
