"""The language in which the scheduler's stories are told: workers come and go, units start, end, hang."""

from __future__ import annotations

from scanmill.engine.messages import (
    Assign,
    CapacityGranted,
    CapacityRevoked,
    DiskReserve,
    DrainDevice,
    Event,
    Instruction,
    KillWorker,
    PauseRun,
    PhaseEnded,
    PhaseStarted,
    Record,
    ReleaseWorker,
    Requested,
    StageEnded,
    StartWorker,
    Tick,
    UnitEnded,
    UnitsAdded,
    UnpauseRun,
    WorkerDied,
)
from scanmill.engine.outcome import Outcome
from scanmill.engine.scheduler import Scheduler
from scanmill.engine.settings import SchedulerSettings
from scanmill.engine.unit import Unit
from scanmill.steps.contract import Prediction

AWAY = Outcome("ResourceError", "storage is away (row): got 503", retryable=True)
BAD_ROW = Outcome("InputError", "irregular slices")
BUG = Outcome("ValueError", "shapes differ", retryable=True)
TOO_BIG = Outcome("ResourceError", "the device is out of memory", retryable=True, tile=0.5)


def unit(name: str, cost: float = 1.0, needs: tuple[str, ...] = ()) -> Unit:
    return Unit(name, "main", "rows", (name,), Prediction(cost), needs=needs)


class Story:
    """A scheduler, checked after every event, and what it has said since the story was last asked."""

    def __init__(self, units: str = "", **settings) -> None:
        self.scheduler = Scheduler(SchedulerSettings(**settings))
        self.now = 0.0
        self.said: list[Instruction] = []
        self.everything: list[Instruction] = []
        self.held: dict[str, Assign] = {}
        if units:
            self.add(*units.split())

    def tell(self, *events: Event) -> list[Instruction]:
        out = self.scheduler.handle(*events)
        self.scheduler.validate()
        self.said = out
        self.everything += out
        for one in out:
            if isinstance(one, Assign):
                assert one.unit.unit_id not in self.held, "a unit is on two workers"
                self.held[one.unit.unit_id] = one
            elif isinstance(one, Record) and one.state != "leased":
                self.held.pop(one.unit_id, None)
        return out

    # events

    def add(self, *names: str, cost: float = 1.0) -> list[Instruction]:
        return self.tell(UnitsAdded(tuple(unit(name, cost) for name in names)))

    def up(self, *workers: str) -> list[Instruction]:
        """``a1`` is a worker on device ``a``."""
        return self.tell(*(CapacityGranted(name, name.rstrip("0123456789"), "node", self.now) for name in workers))

    def revoke(self, worker: str) -> list[Instruction]:
        return self.tell(CapacityRevoked(worker, self.now))

    def starts(self, *names: str, phase: str = "compute") -> list[Instruction]:
        return self.tell(*(PhaseStarted(self.held[name].worker, name, phase, self.now) for name in names))

    def stops(self, name: str, phase: str = "compute") -> list[Instruction]:
        return self.tell(PhaseEnded(self.held[name].worker, name, phase, self.now))

    def ends(self, name: str, outcome: Outcome | None = None) -> list[Instruction]:
        held = self.held[name]
        return self.tell(UnitEnded(held.worker, name, held.attempt, outcome or Outcome(), self.now))

    def runs(self, name: str, outcome: Outcome | None = None) -> list[Instruction]:
        return [*self.starts(name), *self.ends(name, outcome)]

    def dies(self, worker: str, reason: str = "killed by signal 11") -> list[Instruction]:
        return self.tell(WorkerDied(worker, reason, self.now))

    def wait(self, seconds: float) -> list[Instruction]:
        self.now += seconds
        return self.tell(Tick(self.now))

    def asks(self, what: str, *names: str) -> list[Instruction]:
        return self.tell(Requested(what, names, self.now))

    def disk(self, *, low: bool) -> list[Instruction]:
        return self.tell(DiskReserve(low, self.now))

    # what is known

    def on(self, worker: str) -> list[str]:
        return [name for name, held in self.held.items() if held.worker == worker]

    def state(self, name: str) -> str:
        return self.last(name).state if self.records(name) else "waiting"

    def last(self, name: str) -> Record:
        return self.records(name)[-1]

    def records(self, name: str) -> list[Record]:
        return [one for one in self.everything if isinstance(one, Record) and one.unit_id == name]

    def counts(self) -> dict[str, int]:
        return {state: count for state, count in self.scheduler.counts().items() if count}

    def ever(self, kind: type) -> list[Instruction]:
        return [one for one in self.everything if isinstance(one, kind)]


def of(kind: type, instructions: list[Instruction]) -> list[Instruction]:
    return [one for one in instructions if isinstance(one, kind)]


__all__ = [
    "AWAY",
    "BAD_ROW",
    "BUG",
    "TOO_BIG",
    "Assign",
    "DrainDevice",
    "KillWorker",
    "PauseRun",
    "Record",
    "ReleaseWorker",
    "StageEnded",
    "StartWorker",
    "Story",
    "UnpauseRun",
    "of",
    "unit",
]
