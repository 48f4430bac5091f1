"""`register.linear`: the translation, rigid, similarity or affine map from a fixed image to a moving one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.memory import require_memory
from scanmill.steps.register_inputs import READS, RegisterInputs
from scanmill.steps.registration_output import registered
from scanmill.steps.sizes import image_voxels

BYTES_PER_VOXEL = 48
"""Both images, their pyramids and what a measure keeps, for each voxel of the larger image."""
EXPECTED_TRIES = 1.25
"""Most rows are done at the first try; one that is doubted takes up to three."""


class LinearParams(Params):
    """What is looked for, and by what it is judged."""

    model: Literal["translation", "rigid", "similarity", "affine"] = Field(
        default="rigid", description="what the map may do: shift; turn; one scale; three scales and shears"
    )
    metric: Literal["auto", "ssd", "ncc", "mi", "nmi"] = Field(
        default="auto", description="mi and nmi for any two contrasts (auto is nmi), ssd and ncc for equal ones"
    )
    starts: Literal["auto", "moments", "centre", "grid", "identity"] = Field(
        default="auto", description="where it begins, unless a transform is given to start from"
    )
    both_ways: bool = Field(
        default=True, description="also back again: how far the two ways are apart is the inverse consistency"
    )
    retries: bool = Field(
        default=True, description="one that cannot be trusted begins again from a grid of starts, and then by mi"
    )


def run(inputs: Mapping[str, Any], params: LinearParams, ctx: Context) -> Output:
    """``transform`` maps fixed points to moving ones; its quality is in the metrics ``linear_...``.

    ``linear_label_dice`` is among it for a pair with ``fixed_labels`` and ``moving_labels``, which take no other part.
    A warning tells of tries that were not good enough. A registration that cannot be trusted after the last one fails
    the row with ConvergenceError, and leaves its pictures."""
    from scanmill.algorithms.registration.linear import register_linear
    from scanmill.algorithms.registration.retrying import register

    given = RegisterInputs.of(inputs)
    larger = max((given.fixed.array, given.moving.array), key=lambda array: array.size)
    require_memory(BYTES_PER_VOXEL * larger.size, larger, "the registration")
    found = (register if params.retries else register_linear)(
        given.fixed,
        given.moving,
        model=params.model,
        metric=params.metric,
        starts=params.starts,
        fixed_mask=given.fixed_mask,
        moving_mask=given.moving_mask,
        start=given.start,
        seed=ctx.seed,
        both_ways=params.both_ways,
    )
    return registered(found, given, "linear")


def _predict(columns: Mapping[str, Any], params: LinearParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    tries = EXPECTED_TRIES if params.retries else 1.0
    return Prediction(tries * (1.0 + voxels / 1e6), 0 if device == "cpu" else BYTES_PER_VOXEL * voxels)


STEP = Step(
    "register.linear",
    "Find the rigid or affine map between two images",
    run,
    LinearParams,
    reads=READS,
    writes={"transform": Port("transform")},
    predict=_predict,
)
