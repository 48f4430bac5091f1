"""The unit of work: one row, one group of rows or one partial of a reduction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scanmill.steps.contract import Prediction

UnitState = Literal["waiting", "leased", "done", "failed", "quarantined", "cancelled"]
"""``failed``: its own data or parameters are wrong, no retry (InputError, ConvergenceError, SpecError).
``quarantined``: it was tried often enough, the last time alone. The six counts always add up to the plan."""

StageKind = Literal["rows", "groups", "reduce"]
UNPREDICTED = Prediction()


@dataclass(frozen=True, slots=True)
class Unit:
    """What is scheduled, recorded, retried and resumed as a whole.

    ``unit_id`` is a short hash of stage and row keys, stable over runs of the same job on the same rows; in a stage
    that reads other stages it also tells by which of their results, so that changed inputs make another unit (`marks`).
    ``needs`` are the units (partials) whose outputs this one reads; for a row or group it is empty, since a stage
    starts only when the stages that it addresses have ended.
    """

    unit_id: str
    stage: str
    kind: StageKind
    row_keys: tuple[str, ...]
    predicted: Prediction = UNPREDICTED
    seed: int = 0
    needs: tuple[str, ...] = ()
    level: int = 0
