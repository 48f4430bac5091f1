"""`template.build`: the mean image in the mean shape of a cohort, one round of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data import Labels, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Reduction, Step
from scanmill.steps.expected import expect_many, require_finite
from scanmill.steps.grid_numbers import grid_of_numbers, numbers_of_grid
from scanmill.steps.register_inputs import middle_of, transforms_at
from scanmill.steps.sizes import image_voxels
from scanmill.steps.template_params import TemplateParams

if TYPE_CHECKING:
    from scanmill.data.transforms import Transform

Partial = Mapping[str, HostArray]


def lift(inputs: Mapping[str, Any], params: TemplateParams) -> dict[str, HostArray]:
    """The partial of the images at the ports: sums of intensities, displacements and votes, all of whole numbers.

    With transforms, images and labels are those that `register.apply` has put on the template's grid."""
    images = expect_many(inputs, "image", Volume)
    labels = expect_many(inputs, "labels", Labels) if inputs.get("labels") not in (None, ()) else (None,) * len(images)
    transforms = transforms_at(inputs, "transform") or (None,) * len(images)
    if not len(images) == len(labels) == len(transforms):
        raise InputError("every image needs its transform and labels", expected=len(images),
                         got=f"{len(transforms)} transforms, {len(labels)} labels")  # fmt: skip
    return combine([_one(*parts, params) for parts in zip(images, labels, transforms, strict=True)])


def combine(partials: Sequence[Partial]) -> dict[str, HostArray]:
    """Sums of whole numbers: the same in any order and grouping, bit by bit."""
    if not partials:
        raise InputError("there are no images to build a template of")
    whole = dict(partials[0])
    for part in partials[1:]:
        _check_same(whole, part)
        for name in ("n", "n_moved", "image", "displacement"):
            whole[name] = whole[name] + part[name]
        whole["labels"], whole["votes"] = _joined_votes(whole, part)
    return whole


def finish(partial: Partial, params: TemplateParams) -> Output:
    """``image`` and ``labels`` (the most frequent ones; 0 where none came); metrics n_images and shape_mm, the RMS way
    from the last template's shape to the mean one."""
    from scanmill.algorithms.registration.groupwise import in_mean_shape, mean_of
    from scanmill.data.transforms import DisplacementField

    n, grid = int(partial["n"][0]), grid_of_numbers(partial["grid"])
    unit = bytes(partial["unit"]).decode()
    image = Volume(mean_of(partial["image"], n).astype(np.float32), grid, unit)
    labels, moved = Labels(_elected(partial), grid), 0.0
    if params.mean_shape and int(partial["n_moved"][0]):
        mean = DisplacementField(mean_of(partial["displacement"], n), grid)
        image, labels, moved = in_mean_shape(image, labels, mean)
    return Output({"image": image, "labels": labels}, {"n_images": n, "shape_mm": moved})


def run(inputs: Mapping[str, Any], params: TemplateParams, ctx: Context) -> Output:
    """The same over the rows of a group."""
    return finish(lift(inputs, params), params)


def _one(
    image: Volume, labels: Labels | None, transform: Transform | None, params: TemplateParams
) -> dict[str, HostArray]:
    from scanmill.algorithms.registration.groupwise import fixed_point, unit_range

    require_finite(image, "image")
    if transform is None:
        image, labels = _placed(image, labels, params)
    if labels is not None and not labels.geometry.is_close(image.geometry):
        raise InputError("labels lie on another grid than their image", expected=image.geometry.shape,
                         got=labels.geometry.shape, do="put them through register.apply too")  # fmt: skip
    array = to_host(image.array)
    scaled = unit_range(array) if params.intensity == "percentiles" else array
    unit = "" if params.intensity == "percentiles" else image.unit
    ids = np.unique(to_host(labels.array)) if labels is not None else np.zeros(0, np.int64)
    votes = [to_host(labels.array) == label for label in ids] if labels is not None else []
    return {
        "n": np.ones(1, np.int64),
        "n_moved": np.full(1, int(transform is not None), np.int64),
        "grid": numbers_of_grid(image.geometry),
        "unit": np.frombuffer(unit.encode(), np.uint8),
        "image": fixed_point(scaled),
        "displacement": fixed_point(_displacement(transform, image.geometry)),
        "labels": ids.astype(np.int64),
        "votes": np.stack(votes).astype(np.int32) if votes else np.zeros((0, *array.shape), np.int32),
    }


def _placed(image: Volume, labels: Labels | None, params: TemplateParams) -> tuple[Volume, Labels | None]:
    """On the first template's grid, without any registration."""
    from scanmill.algorithms.registration.resample import resample
    from scanmill.data.transforms import Translation

    grid = params.grid()
    if grid is None:
        return image, labels
    way = middle_of(image.geometry) - middle_of(grid)
    transform = Translation(way) if params.placement == "centres" else None
    least = float(to_host(image.array).min())
    placed = resample(image, grid, transform, outside=least)
    return placed, None if labels is None else resample(labels, grid, transform)


def _displacement(transform: Transform | None, grid: VolumeGeometry) -> HostArray:
    from scanmill.data.transforms import DisplacementField

    if transform is None:
        return np.zeros((*grid.shape, 3))
    return to_host(DisplacementField.sampled(transform, grid, np.float64).array)


def _joined_votes(one: Partial, other: Partial) -> tuple[HostArray, HostArray]:
    ids = np.union1d(one["labels"], other["labels"])
    votes = np.zeros((len(ids), *one["image"].shape), np.int32)
    for part in (one, other):
        votes[np.searchsorted(ids, part["labels"])] += part["votes"]
    return ids, votes


def _elected(partial: Partial) -> HostArray:
    """The label with the most votes in every voxel; of equals the smallest."""
    ids = partial["labels"]
    kind = np.uint8 if not len(ids) or ids.max() <= 255 else np.uint16
    if not len(ids):
        return np.zeros(partial["image"].shape, kind)
    return np.asarray(ids[partial["votes"].argmax(axis=0)].astype(kind))


def _check_same(one: Partial, other: Partial) -> None:
    if not grid_of_numbers(one["grid"]).is_close(grid_of_numbers(other["grid"])):
        raise InputError(
            "the images lie on different grids", expected=one["image"].shape, got=other["image"].shape,
            do="give template.build a size and spacing, or put the images through register.apply",
        )  # fmt: skip
    units = [bytes(partial["unit"]).decode() for partial in (one, other)]
    if units[0] != units[1]:
        raise InputError("the images have different units", expected=units[0] or "none", got=units[1] or "none")
    if bool(one["n_moved"][0]) != bool(other["n_moved"][0]):
        raise InputError("some images have a transform and some have none", do="register all of them, or none")


def _predict(columns: Mapping[str, Any], params: Params, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.05 + voxels / 2e6, 0, 8 * voxels)


STEP = Step(
    "template.build",
    "The mean image in the mean shape of a cohort: one round of a groupwise template",
    run,
    TemplateParams,
    reads={
        "image": Port("volume", many=True),
        "transform": Port("transform", many=True, optional=True),
        "labels": Port("labels", many=True, optional=True),
    },
    writes={"image": Port("volume"), "labels": Port("labels")},
    predict=_predict,
    reduction=Reduction(lift, combine, finish),
)
