"""The steps of a stage, bound: their code, their parameters, their phase."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scanmill.engine.task import StepCall
from scanmill.errors import SpecError
from scanmill.steps.contract import Phase, Step
from scanmill.steps.table import find_step

PHASES: tuple[Phase, ...] = ("read", "compute", "write")


@dataclass(frozen=True)
class BoundStep:
    """A step that can be run. ``label`` is its name, with ``#2`` where it stands a second time."""

    label: str
    call: StepCall
    step: Step
    params: Any


def bind(calls: Iterable[StepCall]) -> tuple[BoundStep, ...]:
    """Look the steps up and validate their parameters; a job that does not begin with ``read`` gets one."""
    calls = tuple(calls)
    if not calls or find_step(calls[0].use).phase != "read":
        calls = (StepCall("read"), *calls)
    seen: dict[str, int] = {}
    bound = []
    for call in calls:
        seen[call.use] = seen.get(call.use, 0) + 1
        label = call.use if seen[call.use] == 1 else f"{call.use}#{seen[call.use]}"
        step = find_step(call.use)
        bound.append(BoundStep(label, call, step, step.params(**call.params)))
    _check_order(bound)
    return tuple(bound)


def of_phase(steps: Iterable[BoundStep], phase: Phase) -> tuple[BoundStep, ...]:
    """The steps that run in that phase."""
    return tuple(bound for bound in steps if bound.step.phase == phase)


def _check_order(steps: list[BoundStep]) -> None:
    order = [PHASES.index(bound.step.phase) for bound in steps]
    if order != sorted(order):
        names = ", ".join(bound.label for bound in steps)
        raise SpecError("steps out of order", expected="read, then compute, then write steps", got=names)
