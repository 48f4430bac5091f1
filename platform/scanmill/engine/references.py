"""What a stage may name: the cohort, or an earlier stage and what it saves."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from scanmill.engine.wiring import saved_outputs
from scanmill.errors import SpecError

if TYPE_CHECKING:
    from scanmill.engine.spec import StageSpec

COHORT = "cohort"


def check_references(stage: StageSpec, before: Mapping[str, StageSpec], where: str) -> None:
    """SpecError when the stage's name is taken, or when it names a stage or an output that there is not."""
    if stage.name in before or stage.name == COHORT:
        raise SpecError(f"the name {stage.name!r} is taken", where=where, do="call the stage something else")
    if stage.source_stage is not None:
        _check_stage(stage.source_stage, before, where)
    for stage_name, output in stage.extra_stages.values():
        _check_stage(stage_name, before, where)
        outputs = saved_outputs(before[stage_name])
        if outputs is not None and output not in outputs:
            near = get_close_matches(output, outputs, n=3) or sorted(outputs)
            raise SpecError(
                f"stage {stage_name} saves no {output!r}", where=where, expected=", ".join(near) or "nothing"
            )


def _check_stage(name: str, before: Mapping[str, StageSpec], where: str) -> None:
    if name not in before:
        near = ", ".join(get_close_matches(name, before, n=3) or before) or "none"
        raise SpecError("no earlier stage of this name", where=where, got=name, expected=f"one of: {near}")
