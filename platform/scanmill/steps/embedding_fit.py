"""`embedding.moments` and `embedding.fit`: a cohort's features are gathered, and a projection learned from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from scanmill.algorithms.features import CohortMoments, Embedding, lda, pca, whitening
from scanmill.algorithms.features.named import embedding_from_text, embedding_text
from scanmill.algorithms.features.upright import flipped, flips_of
from scanmill.arrays import HostArray
from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.steps.contract import COLUMN, Context, Output, Params, Port, Prediction, Reduction, Step
from scanmill.steps.embed import SECONDS_PER_PLANE, VOXELS_PER_SECOND
from scanmill.steps.embedding_params import EmbeddingParams
from scanmill.steps.expected import expect, require_finite
from scanmill.steps.sizes import image_voxels

Partial = Mapping[str, HostArray]


class MomentsParams(EmbeddingParams):
    """What is gathered."""

    label: str = Field(
        default="",
        max_length=100,
        description="a column of the cohort whose values are classes (lda)",
        json_schema_extra=COLUMN,
    )


class FitParams(Params):
    """What is learned."""

    method: Literal["pca", "whiten", "pca-whiten", "lda"] = Field(
        default="pca", description="principal components, whitening, both, or Fisher's discriminants of the classes"
    )
    n_components: int | None = Field(default=None, ge=1, le=4096, description="at most so many; all by default")
    shrinkage: float = Field(default=0.1, ge=0, le=1, description="lda: towards equal spread; whiten: its ridge / 100")


def moments(inputs: Mapping[str, Any], params: MomentsParams, ctx: Context) -> Output:
    """Counts, means and scatter of the image's features: of its planes, or of the whole."""
    image = expect(inputs, "image", Volume)
    require_finite(image, "image")
    embedding = params.found()
    vectors = np.stack(_features(image, embedding, params.every))
    labels = None
    if params.label:
        word = ctx.rows[0].columns.get(params.label)
        if word is None or word != word:
            raise InputError("the row has no class", where=params.label)
        labels = [str(word)] * len(vectors)
    found = CohortMoments.of(vectors, labels, source=embedding.features_digest)
    return Output({"moments": {**found.to_arrays(), "embedding": np.array(embedding_text(embedding))}})


def lift(inputs: Mapping[str, Any], params: FitParams) -> dict[str, HostArray]:
    """The partial of what stands at the port."""
    given = inputs.get("moments")
    values = given if isinstance(given, tuple) else (given,)
    if not all(isinstance(value, Mapping) and "embedding" in value for value in values):
        raise InputError("a value is missing", where="moments", expected="what embedding.moments writes")
    return combine(values)


def combine(partials: Sequence[Partial]) -> dict[str, HostArray]:
    """The moments of all together."""
    if not partials:
        raise InputError("there is nothing to learn from")
    whole = CohortMoments.from_arrays(partials[0])
    for part in partials[1:]:
        whole = whole.merged(CohortMoments.from_arrays(part))
    return {**whole.to_arrays(), "embedding": partials[0]["embedding"]}


def finish(partial: Partial, params: FitParams) -> Output:
    """The embedding with its learned projection; metrics: n_vectors, n_classes, dimension."""
    found = CohortMoments.from_arrays(partial)
    learned = _LEARN[params.method](found, params)
    embedding = embedding_from_text(str(partial["embedding"])).with_projection(learned)
    counts = {"n_vectors": learned.n_learned, "n_classes": len(found.classes), "dimension": embedding.dimension}
    return Output({"embedding": embedding}, counts)


def run(inputs: Mapping[str, Any], params: FitParams, ctx: Context) -> Output:
    """The same over the rows of a group."""
    return finish(lift(inputs, params), params)


_LEARN = {
    "pca": lambda found, params: pca(found, params.n_components),
    "pca-whiten": lambda found, params: pca(found, params.n_components, whiten=True),
    "whiten": lambda found, params: whitening(found, ridge=params.shrinkage / 100),
    "lda": lambda found, params: lda(found, params.n_components, shrinkage=params.shrinkage),
}


def _features(image: Volume, embedding: Embedding, every: int) -> list[HostArray]:
    flips, spacing = flips_of(image.geometry), image.geometry.spacing
    flips = flips if len(embedding.grid.shape) == 3 else (False, *flips[1:])
    array, _ = flipped(image.array, None, flips)
    if len(embedding.grid.shape) == 3:
        return [embedding.features(array, spacing=spacing)]
    planes = range(min(every, len(array)) // 2, len(array), every)
    seen = [plane for plane in planes if bool(array[plane].max() > array[plane].min())]
    if not seen:
        raise InputError("the image shows nothing", got=tuple(array.shape))
    return [embedding.features(array[plane], spacing=spacing[:2]) for plane in seen]


def _predict_moments(columns: Mapping[str, Any], params: MomentsParams, device: str) -> Prediction:
    planes = int(columns.get("size_z") or columns.get("n_rows") or 1)
    return Prediction(0.1 + SECONDS_PER_PLANE * planes / params.every + image_voxels(columns) / VOXELS_PER_SECOND)


def _predict(columns: Mapping[str, Any], params: Params, device: str) -> Prediction:
    return Prediction(0.1, 0, 2**24)


MOMENTS = Step(
    "embedding.moments",
    "Gather the features of an image, to learn an embedding's projection from",
    moments,
    MomentsParams,
    reads={"image": Port("volume")},
    writes={"moments": Port("any")},
    predict=_predict_moments,
)
STEP = Step(
    "embedding.fit",
    "Learn an embedding's projection from a cohort: principal components, whitening, discriminants",
    run,
    FitParams,
    reads={"moments": Port("any", many=True)},
    writes={"embedding": Port("embedding")},
    predict=_predict,
    reduction=Reduction(lift, combine, finish),
)
