"""`register.deformable`: the smooth map that takes every point of a fixed image to its like in a moving one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from scanmill.errors import ConvergenceError
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.memory import require_memory
from scanmill.steps.register_inputs import READS, RegisterInputs
from scanmill.steps.registration_output import lost, registered
from scanmill.steps.sizes import image_voxels

BYTES_PER_VOXEL = 160
"""Both images, the field, its update and the running sums of a local correlation, for each voxel of the fixed image."""


class DeformableParams(Params):
    """How it is found."""

    method: Literal["greedy", "demons", "svf", "syn"] = Field(
        default="greedy",
        description="greedy and demons compose small smooth steps; svf adds them up to a velocity, with an exact way "
        "back; syn moves both images to a middle",
    )
    metric: Literal["auto", "lncc", "squared_lncc", "ratio", "ssd"] = Field(
        default="auto",
        description="lncc for equal contrasts, ratio for any other; squared_lncc also where a contrast is locally "
        "inverted; ssd for equal intensities; auto looks at how the two contrasts go together",
    )


def run(inputs: Mapping[str, Any], params: DeformableParams, ctx: Context) -> Output:
    """``transform`` maps fixed points to moving ones, the ``start`` included; its quality is in the metrics
    ``deformable_...``, ``deformable_label_dice`` for a pair with ``fixed_labels`` and ``moving_labels``.

    A registration that cannot be trusted fails the row with ConvergenceError, and leaves its pictures."""
    from scanmill.algorithms.registration.deformable import register_deformable

    given = RegisterInputs.of(inputs)
    require_memory(BYTES_PER_VOXEL * given.fixed.array.size, given.fixed.array, "the registration")
    try:
        found = register_deformable(
            given.fixed,
            given.moving,
            method=params.method,
            metric=params.metric,
            start=given.start,
            fixed_mask=given.fixed_mask,
        )
    except ConvergenceError as error:
        return lost(error, given, "deformable")
    return registered(found, given, "deformable")


def _predict(columns: Mapping[str, Any], params: DeformableParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(1.0 + voxels / 1e5, 0 if device == "cpu" else BYTES_PER_VOXEL * voxels)


STEP = Step(
    "register.deformable",
    "Find the smooth deformation between two images",
    run,
    DeformableParams,
    reads={name: port for name, port in READS.items() if name != "moving_mask"},
    writes={"transform": Port("transform")},
    predict=_predict,
)
