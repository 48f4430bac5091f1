"""What the ledger answers: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scanmill.engine.outcome import Outcome
from scanmill.engine.unit import UnitState

RequestWord = Literal["cancel", "pause", "unpause", "retry"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run. ``epoch`` counts its drivers: 0 before the first; ``created_at`` is in seconds since 1970."""

    run_id: str
    name: str
    cohort_digest: str
    created_at: float
    epoch: int
    spec_yaml: str


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """A unit as it stands: ``attempts`` is how many tries count, ``tries`` the number of the last one.

    ``outcome`` is the last one known: of a unit that waits again, why its last try failed.
    """

    unit_id: str
    stage: str
    kind: str
    state: UnitState
    attempts: int
    tries: int
    suspect: bool
    row_keys: tuple[str, ...]
    worker: str = ""
    device: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at a unit, with wall-clock times; ``state`` is what the unit became by it ("leased" while it runs)."""

    unit_id: str
    attempt: int
    epoch: int
    state: str
    worker: str
    device: str
    leased_at: float | None
    started_at: float | None
    ended_at: float | None
    charged: bool
    error_class: str
    error: str
    why: str


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened, in the order of ``seq``. ``kind`` is ``unit`` or what `Ledger.note` was given."""

    seq: int
    at: float
    kind: str
    unit_id: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """What somebody outside asked for; ``unit_ids`` empty means all."""

    seq: int
    what: RequestWord
    unit_ids: tuple[str, ...]
    at: float
