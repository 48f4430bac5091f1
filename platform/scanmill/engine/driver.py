"""The driver of one stage: hears, lets the scheduler decide, writes it to the ledger, has it performed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from scanmill.engine.book import BAD
from scanmill.engine.conclude import conclude
from scanmill.engine.estimate import Pace
from scanmill.engine.events import Estimate, RunEvent
from scanmill.engine.ledger import Epoch, Ledger, UnitRecord
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
from scanmill.engine.performer import Heard, Performer
from scanmill.engine.scheduler import Scheduler
from scanmill.engine.signals import Signals
from scanmill.engine.task import Progress, Task
from scanmill.engine.task_maker import TaskMaker
from scanmill.engine.unit import Unit, UnitState
from scanmill.errors import ScanmillError
from scanmill.storage import Store

SECONDS_PER_TICK = 0.25
SECONDS_BETWEEN_REQUESTS = 1.0
SECONDS_BETWEEN_DISK_CHECKS = 5.0
DISK_RESERVE = 2 * 2**30
"""Free bytes below which nothing new is started; with a hysteresis of a quarter until it starts again."""
FINAL = frozenset({"done", "failed", "quarantined", "cancelled"})
Ending = Literal["done", "interrupted", "cancelled"]


@dataclass
class StageDriver:
    """Runs one stage to its end. Every wake-up is one durable transaction, written before anything depends on it.

    ``gather_s``: how long a wake-up waits for more to be heard; for short units, many of which are in flight.
    """

    run_id: str
    stage: str
    ledger: Ledger
    epoch: Epoch
    scheduler: Scheduler
    performer: Performer
    tasks: TaskMaker
    store: Store
    tell: Callable[[RunEvent], None]
    signals: Signals
    reserve: int = DISK_RESERVE
    gather_s: float = 0.0
    clock: Callable[[], float] = time.monotonic
    drained: dict[str, str] = field(default_factory=dict)
    paused: str = ""
    ended: bool = False
    cancelled: bool = False
    revived: bool = False
    _units: dict[str, Unit] = field(default_factory=dict)
    _pace: Pace = field(default_factory=Pace)
    _remaining: float = 0.0
    _workers: set[str] = field(default_factory=set)
    _due: dict[str, float] = field(default_factory=dict)
    _low: bool = False
    _draining: bool = False

    def run(self, units: Sequence[Unit], known: Mapping[str, UnitRecord] | None) -> Ending:
        """Run the units that wait: those in ``known``, which says what the ledger remembers of them; None: all."""
        self.signals.listen()
        waiting = [unit for unit in units if known is None or unit.unit_id in known]
        self._units = {unit.unit_id: unit for unit in waiting}
        self._remaining = sum(unit.predicted.seconds for unit in waiting)
        added = UnitsAdded(tuple(waiting))
        if known is not None:
            records = [known[unit.unit_id] for unit in waiting]
            added = UnitsAdded(
                tuple(waiting),
                attempts=tuple(record.attempts for record in records),
                suspects=frozenset(record.unit_id for record in records if record.suspect),
                tries=tuple(record.tries for record in records),
            )
        self._act(self.scheduler.handle(added))
        while not self._over():
            self._step()
        if self.ended:
            return "cancelled" if self.cancelled else "done"
        return "interrupted"

    def _over(self) -> bool:
        return self.ended or self.signals.stop or (self._draining and not self._in_hand())

    def _step(self) -> None:
        heard = self.performer.poll(SECONDS_PER_TICK)
        if heard and self.gather_s:
            time.sleep(self.gather_s)
            heard += self.performer.poll(0.0)
        now = self.clock()
        events = [_stamped(one, now) for one in heard if not isinstance(one, Progress)]
        if self._draining:
            events = [one for one in events if not self._turned_away(one)]
        events += self._asked(now)
        self._progress(heard)
        self._watch(events)
        self._act(self.scheduler.handle(*events, Tick(now)))
        self._wind_down(now)

    def _wind_down(self, now: float) -> None:
        if self.signals.drain and not self._draining:
            self._draining = True
            self._note("draining", {"why": "asked to stop"})
            self._act(self.scheduler.handle(*(CapacityRevoked(name, now) for name in sorted(self._workers))))

    def _turned_away(self, event: Event) -> bool:
        """A worker that comes up while the run winds down."""
        if isinstance(event, CapacityGranted):
            self.performer.release(event.worker, "the run winds down")
        return isinstance(event, CapacityGranted)

    def _in_hand(self) -> bool:
        return self.scheduler.counts()["leased"] > 0

    # --- what is heard ----------------------------------------------------------------------------------------------

    def _asked(self, now: float) -> list[Event]:
        """Requests in the ledger and the state of the disk, each looked at now and then."""
        events: list[Event] = []
        if self._is_due("requests", now, SECONDS_BETWEEN_REQUESTS):
            for request in self.ledger.take_requests(self.epoch):
                self.cancelled = self.cancelled or (request.what == "cancel" and not request.unit_ids)
                events.append(Requested(request.what, request.unit_ids, now))
                if request.what == "retry":
                    self._revive_others(request.unit_ids)
                self._note("request", {"what": request.what, "units": len(request.unit_ids)})
        if self._is_due("disk", now, SECONDS_BETWEEN_DISK_CHECKS):
            free = self.store.free_bytes()
            low = free is not None and free < (self.reserve * 5 // 4 if self._low else self.reserve)
            if low != self._low:
                self._low = low
                events.append(DiskReserve(low, now))
        return events

    def _revive_others(self, unit_ids: Sequence[str]) -> None:
        """Bad units that this driver was not given (of another stage, or an earlier life) wait in the ledger; the run
        comes back to them. No ids: all of them."""
        others = (one for one in bad_units(self.ledger, self.run_id, unit_ids) if one.unit_id not in self._units)
        records = [Record(one.unit_id, "waiting", one.tries, charged=False, why="asked to") for one in others]
        self.ledger.apply(self.epoch, records, time.time())
        self.revived = self.revived or bool(records)

    def _is_due(self, what: str, now: float, every_s: float) -> bool:
        due = now >= self._due.get(what, now)
        if due:
            self._due[what] = now + every_s
        return due

    def _watch(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, CapacityGranted):
                self._workers.add(event.worker)
                self._note("worker_up", {"worker": event.worker, "device": event.device, "node": event.node})
            elif isinstance(event, WorkerDied):
                self._workers.discard(event.worker)
                self._note("worker_down", {"worker": event.worker, "why": event.reason})
            elif isinstance(event, UnitEnded) and event.outcome.done:
                self.tasks.ended(event.unit_id, event.outcome)

    def _progress(self, heard: Iterable[Heard]) -> None:
        for one in heard:
            if isinstance(one, Progress):
                self._tell(
                    "note", one.unit_id, payload={"kind": "progress", "fraction": one.fraction, "note": one.note}
                )

    # --- what is done about it --------------------------------------------------------------------------------------

    def _act(self, instructions: Sequence[Instruction]) -> None:
        """Write the records durably, then perform the rest; an assignment that cannot be made is a failed attempt."""
        while instructions:
            records = [one for one in instructions if isinstance(one, Record)]
            self.ledger.apply(self.epoch, records, time.time())
            for record in records:
                self._recorded(record)
            failed = self._assign([one for one in instructions if isinstance(one, Assign)])
            for one in instructions:
                self._perform(one)
            instructions = self.scheduler.handle(*failed) if failed else []

    def _assign(self, assigns: Sequence[Assign]) -> list[UnitEnded]:
        calls: dict[str, list[Task]] = {}
        failed = []
        for assign in assigns:
            try:
                calls.setdefault(assign.worker, []).append(self.tasks.make(assign))
            except ScanmillError as error:
                outcome = conclude(error).outcome(device="", node="", seconds={}, warnings=())
                failed.append(UnitEnded(assign.worker, assign.unit.unit_id, assign.attempt, outcome, self.clock()))
        for worker, tasks in calls.items():
            if tasks:
                self.performer.assign(worker, tasks)
        return failed

    def _perform(self, instruction: Instruction) -> None:
        if isinstance(instruction, KillWorker):
            self._note("worker_killed", {"worker": instruction.worker, "why": instruction.why})
            self.performer.kill(instruction.worker, instruction.why)
        elif isinstance(instruction, ReleaseWorker):
            self.performer.release(instruction.worker, instruction.why)
        elif isinstance(instruction, StartWorker) and not self._draining:
            self.performer.start_worker(instruction.not_on)
        elif isinstance(instruction, DrainDevice):
            self.drained[instruction.device] = instruction.why
            self.performer.drain(instruction.device)
            self._note("device_drained", {"device": instruction.device, "why": instruction.why})
        elif isinstance(instruction, PauseRun | UnpauseRun):
            self.paused = instruction.why if isinstance(instruction, PauseRun) else ""
            self._note("paused" if self.paused else "unpaused", {"why": self.paused})
        elif isinstance(instruction, StageEnded):
            self.ended = True

    def _recorded(self, record: Record) -> None:
        if record.state in FINAL:
            unit = self._units.get(record.unit_id)
            predicted = unit.predicted.seconds if unit else 0.0
            self._remaining -= predicted
            if record.outcome is not None and record.state == "done":
                seconds = record.outcome.seconds
                self._pace.add(predicted, max((seconds.get(p, 0.0) for p in ("read", "compute", "write")), default=0.0))
            self._tell("unit", record.unit_id, unit.row_keys if unit else (), record)

    # --- telling ----------------------------------------------------------------------------------------------------

    def counts(self) -> dict[UnitState, int]:
        """Of the units of this driver's life."""
        return self.scheduler.counts()

    def estimate(self) -> Estimate:
        """How long the stage will still take."""
        counts = Counter(self.counts())
        left = counts["waiting"] + counts["leased"]
        return self._pace.estimate(
            remaining=max(self._remaining, 0.0), n_remaining=left, n_workers=max(len(self._workers), 1)
        )

    def _note(self, kind: str, payload: Mapping[str, Any]) -> None:
        self.ledger.note(self.epoch, kind, payload)
        self._tell("note", payload={"kind": kind, **payload})

    def _tell(
        self,
        kind: Literal["unit", "note"],
        unit_id: str = "",
        row_keys: tuple[str, ...] = (),
        record: Record | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        event = RunEvent(kind, self.run_id, time.time(), self.stage, unit_id, row_keys, payload=payload or {})
        if record is not None:
            event = replace(event, state=record.state, attempt=record.attempt, outcome=record.outcome)
        self.tell(replace(event, counts=self.counts(), estimate=self.estimate()))


def bad_units(ledger: Ledger, run_id: str, unit_ids: Sequence[str] = ()) -> Iterator[UnitRecord]:
    """Those of these units that have failed or were quarantined or cancelled; of all units where none is named."""
    if unit_ids:
        found = (ledger.unit(run_id, unit_id) for unit_id in unit_ids)
        yield from (one for one in found if one is not None and one.state in BAD)
    else:
        for state in sorted(BAD):
            yield from ledger.units(run_id, state=state, outcomes=False)


def _stamped(event: Event, now: float) -> Event:
    return event if isinstance(event, UnitsAdded) else replace(event, at=now)
