"""`cohort.mean`: the mean and standard deviation of images on one grid, voxel by voxel, over a cohort or group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Reduction, Step
from scanmill.steps.expected import expect_many, require_finite
from scanmill.steps.sizes import image_voxels

Partial = Mapping[str, HostArray]


def lift(inputs: Mapping[str, Any], params: Params) -> dict[str, HostArray]:
    """The partial of the images at the port: their number, mean and sum of squared deviations, in float64."""
    return combine([_one(image) for image in expect_many(inputs, "image", Volume)])


def combine(partials: Sequence[Partial]) -> dict[str, HostArray]:
    """Join partials: n = Σ nᵢ, δ = m₂ − m₁, m = m₁ + δ n₂ / n, M = M₁ + M₂ + δ² n₁ n₂ / n.

    T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
    Stanford STAN-CS-79-773 (1979), eqs. 2.1."""
    if not partials:
        raise InputError("there are no images to average")
    whole = dict(partials[0])
    for part in partials[1:]:
        _check_same_grid(whole, part)
        n1, n2 = whole["n"], part["n"]
        n, delta = n1 + n2, part["mean"] - whole["mean"]
        whole["squares"] = whole["squares"] + part["squares"] + delta**2 * (n1 * n2 / n)
        whole["mean"] = whole["mean"] + delta * (n2 / n)
        whole["n"] = n
    return whole


def finish(partial: Partial, params: Params) -> Output:
    """Mean and standard deviation (with n − 1; zero for one image) as float32 images."""
    n = float(partial["n"][0])
    sd = np.sqrt(partial["squares"] / max(n - 1, 1))
    grid = _grid(partial)
    mean = Volume(partial["mean"].astype(np.float32), grid, bytes(partial["unit"]).decode())
    return Output({"mean": mean, "sd": mean.with_array(sd.astype(np.float32))}, {"n_images": n})


def run(inputs: Mapping[str, Any], params: Params, ctx: Context) -> Output:
    """The same over the rows of a group."""
    return finish(lift(inputs, params), params)


def _one(image: Volume) -> dict[str, HostArray]:
    require_finite(image, "image")
    mean = to_host(image.array).astype(np.float64)
    grid = image.geometry
    numbers = np.concatenate([grid.spacing, grid.origin, np.ravel(grid.direction)])
    unit = np.frombuffer(image.unit.encode(), dtype=np.uint8)
    return {"n": np.ones(1), "mean": mean, "squares": np.zeros_like(mean), "grid": numbers, "unit": unit}


def _grid(partial: Partial) -> VolumeGeometry:
    numbers = partial["grid"].tolist()
    rows = (tuple(numbers[6:9]), tuple(numbers[9:12]), tuple(numbers[12:15]))
    return VolumeGeometry(partial["mean"].shape, tuple(numbers[:3]), tuple(numbers[3:6]), rows)


def _check_same_grid(one: Partial, other: Partial) -> None:
    if not _grid(one).is_close(_grid(other)):
        raise InputError(
            "the images lie on different grids", expected=one["mean"].shape, got=other["mean"].shape,
            do="resample them to one grid, or give ct.reconstruct a size and spacing",
        )  # fmt: skip
    units = [bytes(partial["unit"]).decode() for partial in (one, other)]
    if units[0] != units[1]:
        raise InputError("the images have different units", expected=units[0] or "none", got=units[1] or "none")


def _predict(columns: Mapping[str, Any], params: Params, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.05 + voxels / 5e7, 0, 8 * voxels)


STEP = Step(
    "cohort.mean",
    "Mean and standard deviation of images on one grid, over a cohort or group",
    run,
    reads={"image": Port("volume", many=True)},
    writes={"mean": Port("volume"), "sd": Port("volume")},
    predict=_predict,
    reduction=Reduction(lift, combine, finish),
)
