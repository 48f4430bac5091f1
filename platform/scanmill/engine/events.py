"""What listeners hear of a run: the terminal, the tracker, the report and the live pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from scanmill.engine.outcome import Outcome
from scanmill.engine.unit import UnitState

EventKind = Literal["run_started", "stage_started", "unit", "note", "stage_ended", "run_ended"]
"""``unit``: a unit has reached an end (its state and outcome say which); ``note``: a worker came or went, a device was
drained, the run was paused (``payload`` has the facts, ``payload["kind"]`` the word)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long it will still take, in seconds, with a 90 % interval; all None before anything has finished."""

    seconds: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One thing that happened, at ``at`` (seconds since 1970). ``counts`` are those of the stage, after it."""

    kind: EventKind
    run_id: str
    at: float
    stage: str = ""
    unit_id: str = ""
    row_keys: tuple[str, ...] = ()
    state: UnitState | None = None
    attempt: int = 0
    outcome: Outcome | None = None
    counts: Mapping[UnitState, int] = field(default_factory=dict)
    estimate: Estimate = Estimate()
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to. ``status``: ``done`` (all units ended), ``interrupted`` (drained or paused; resume it) or
    ``cancelled``. ``counts`` are those of each stage; ``results`` is the last stage's manifest, a path or URI."""

    run_id: str
    status: Literal["done", "interrupted", "cancelled"]
    folder: str
    counts: Mapping[str, Mapping[UnitState, int]] = field(default_factory=dict)
    seconds: float = 0.0
    results: str = ""
    drained: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


class Listener(Protocol):
    """Called from the driver's thread: be quick. What it raises is logged once and never fails the job."""

    def on_event(self, event: RunEvent) -> None:
        """Something happened."""

    def on_end(self, summary: RunSummary) -> None:
        """The run is over, or interrupted."""
