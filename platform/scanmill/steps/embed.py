"""`embed`: an image becomes findable by what it shows: vectors of the series, its slices and its regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from scanmill.algorithms.features import Embedding
from scanmill.algorithms.features.describe import Named, boxes_of, describe, regions_of
from scanmill.arrays import device_of, to_device
from scanmill.data import Labels, Volume
from scanmill.errors import InputError
from scanmill.steps.contract import COLUMN, Context, Output, Port, Prediction, Step
from scanmill.steps.embedding_params import EmbeddingParams
from scanmill.steps.expected import expect, optional
from scanmill.steps.sizes import image_voxels

SECONDS_PER_PLANE, VOXELS_PER_SECOND = 0.005, 2e7
"""Measured on one core: a plane of 512² in 0.013 s, a volume of 128 × 256² in 0.5 s."""
BYTES_PER_VOXEL = 40
BYTES_PER_ENTRY = 4096


class EmbedParams(EmbeddingParams):
    """What of an image gets a vector."""

    slices: bool = Field(default=True, description="an entry for each slice too, where the embedding is one of planes")
    regions: bool = Field(default=True, description="an entry for each label at the port `labels`")
    boxes: str = Field(
        default="",
        max_length=100,
        description="a column of the cohort with boxes, name=x,y,z,w,h,d in voxels, several divided by ;",
        json_schema_extra=COLUMN,
    )


def run(inputs: Mapping[str, Any], params: EmbedParams, ctx: Context) -> Output:
    """The entries of the image; metrics: n_entries.

    An embedding at the port `embedding` (what ``embedding.fit`` of an earlier stage has learned) goes before the one
    of the parameters."""
    image = expect(inputs, "image", Volume)
    embedding = inputs.get("embedding") or params.found()
    if not isinstance(embedding, Embedding):
        raise InputError("a value is of another kind", where="embedding", got=type(embedding).__name__)
    labels = optional(inputs, "labels", Labels) if params.regions else None
    regions = _regions(image, labels, params, ctx)
    entries, left_out = describe(image, embedding, every=params.every, regions=regions, slices=params.slices)
    return Output({"entries": entries}, {"n_entries": len(entries.kinds)}, warnings=left_out)


def _regions(image: Volume, labels: Labels | None, params: EmbedParams, ctx: Context) -> Iterator[Named]:
    if labels is not None:
        if not labels.geometry.is_close(image.geometry, tolerance_mm=min(image.geometry.spacing) / 100):
            raise InputError("it lies on another grid than the image", where="labels", expected=image.geometry.shape,
                             got=labels.geometry.shape)  # fmt: skip
        there = Labels(to_device(labels.array, device_of(image.array)), labels.geometry, labels.names)
        yield from regions_of(there)
    if params.boxes:
        for row in ctx.rows:
            if params.boxes not in row.columns:
                raise InputError("the row has no such column", where="boxes", got=params.boxes)
            yield from boxes_of(str(row.columns.get(params.boxes) or ""), image.geometry.shape)


def _predict(columns: Mapping[str, Any], params: EmbedParams, device: str) -> Prediction:
    voxels, planes = image_voxels(columns), int(columns.get("size_z") or columns.get("n_rows") or 1)
    n = 1 + planes // params.every
    seconds = 0.05 + n * SECONDS_PER_PLANE + voxels / VOXELS_PER_SECOND
    return Prediction(seconds, 0 if device == "cpu" else BYTES_PER_VOXEL * voxels, n * BYTES_PER_ENTRY)


STEP = Step(
    "embed",
    "Describe an image, its slices and regions by vectors, so that it is found by what it shows",
    run,
    EmbedParams,
    reads={
        "image": Port("volume"),
        "labels": Port("labels", optional=True, many=True),
        "embedding": Port("embedding", optional=True),
    },
    writes={"entries": Port("entries")},
    predict=_predict,
)
