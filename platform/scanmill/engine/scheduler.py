"""The scheduler: events in, instructions out. It does nothing itself, knows no Ray, no file and no clock.

A unit is waiting, leased, done, failed, quarantined or cancelled. Units go out largest first (`dispatch`), their
changes are written down (`book`), phases have clocks (`clocks`), and what goes wrong is blamed with care: a dead
process makes suspects, not culprits; a device that fails several different units is at fault itself (`strikes`); and
when many units fail alike, something else is (`breaker`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scanmill.engine.book import BAD, MOST_EXCUSES, Book, known
from scanmill.engine.breaker import Breaker, fault_of
from scanmill.engine.clocks import Clocks
from scanmill.engine.dispatch import Dispatch
from scanmill.engine.invariants import check
from scanmill.engine.messages import (
    CapacityGranted,
    CapacityRevoked,
    DiskReserve,
    DrainDevice,
    Event,
    Instruction,
    PauseRun,
    PhaseEnded,
    PhaseStarted,
    ReleaseWorker,
    Requested,
    StageEnded,
    Tick,
    UnitEnded,
    UnitsAdded,
    UnpauseRun,
    WorkerDied,
)
from scanmill.engine.outcome import Outcome
from scanmill.engine.roster import Lease, Roster, Task, Worker
from scanmill.engine.settings import SchedulerSettings
from scanmill.engine.staff import REVOKED, Staff
from scanmill.engine.strikes import Strikes
from scanmill.engine.unit import UnitState
from scanmill.engine.waiting import Waiting

NO_RETRY = frozenset({"InputError", "ConvergenceError", "SpecError"})
SMALLEST_TILE = 1 / 64


class Scheduler:
    """Decides; see the module. Events given to ``handle`` together are weighed before anything new is handed out."""

    def __init__(self, settings: SchedulerSettings | None = None) -> None:
        self.settings = settings or SchedulerSettings()
        self._out: list[Instruction] = []
        self._roster, self._waiting = Roster(), Waiting()
        self._book = Book(self.settings.attempts, self._waiting, self._emit)
        self._dispatch = Dispatch(self.settings.in_flight, self._roster, self._waiting, self._book, self._emit)
        self._clocks = Clocks(dict(self.settings.timeout_s))
        self._breaker = Breaker(self.settings.breaker_window, self.settings.breaker_fraction)
        self._strikes = Strikes(self.settings.device_strikes)
        self._pauses: dict[str, str] = {}
        self._staff = Staff(
            self._roster,
            self._dispatch,
            self._emit,
            grace_s=self.settings.write_grace_s,
            patience_s=self.settings.start_patience_s,
        )
        self._deaths = 0
        self._ended = True
        self._now = float("-inf")

    # --- the public face --------------------------------------------------------------------------------------

    def handle(self, *events: Event) -> list[Instruction]:
        """What is to be done about these events, in order; a Record stands before what depends on it."""
        for event in events:
            self._now = max(self._now, getattr(event, "at", self._now))
            _HANDLERS[type(event)](self, event)
        self._staff.kill_the_late(self._now)
        self._close()
        out = self._out[:]
        self._out.clear()
        return out

    def counts(self) -> dict[UnitState, int]:
        """How many units are in each of the six states."""
        return dict(self._book.counts)

    @property
    def paused(self) -> str:
        """Why nothing new is started, or ""."""
        return "; ".join(self._pauses.values())

    @property
    def drained(self) -> dict[str, str]:
        """The devices that get nothing more, and why."""
        return dict(self._strikes.drained)

    def validate(self) -> None:
        """Check all that must always hold; AssertionError tells what does not. For tests: it looks at every unit."""
        check(self._book, self._roster, self._waiting, self._dispatch, self.settings.in_flight, ended=self._ended)

    # --- events -----------------------------------------------------------------------------------------------

    def _units_added(self, event: UnitsAdded) -> None:
        self._book.add(event)
        self._ended = False

    def _granted(self, event: CapacityGranted) -> None:
        self._staff.came(event.device)
        if event.device in self._strikes.drained:
            self._emit(ReleaseWorker(event.worker, self._strikes.drained[event.device]))
            if not self._roster.usable:
                self._pause("device", f"only drained devices are left: {', '.join(sorted(self._strikes.drained))}")
            return
        if event.worker in self._roster.workers:
            return
        worker = Worker(event.worker, event.device, event.node)
        self._roster.add(worker)
        self._dispatch.joins(worker)
        self._dispatch.has_room(worker)

    def _revoked(self, event: CapacityRevoked) -> None:
        worker = self._roster.workers.get(event.worker)
        if worker is not None:
            self._staff.leave(worker, REVOKED, replaced=False)

    def _phase_started(self, event: PhaseStarted) -> None:
        found = self._lease(event.worker, event.unit_id)
        if found is not None:
            worker, lease = found
            if not lease.started:
                self._book.started(lease, worker)
            self._clocks.start(worker, lease, event.phase, event.at)

    def _phase_ended(self, event: PhaseEnded) -> None:
        found = self._lease(event.worker, event.unit_id)
        if found is not None and found[1].phase == event.phase:
            self._clocks.stop(found[1])

    def _unit_ended(self, event: UnitEnded) -> None:
        found = self._lease(event.worker, event.unit_id)
        if found is None or found[1].attempt != event.attempt:
            return
        worker, lease = found
        self._end_lease(worker, lease)
        if event.outcome.done:
            self._succeeded(worker, lease.task, event.outcome)
        elif event.outcome.error_class in NO_RETRY or not event.outcome.retryable:
            lease.task.charges += 1
            self._breaker.add(event.unit_id, worker.device)
            self._book.end(lease.task, "failed", worker, event.outcome)
        else:
            self._failed(worker, lease, event.outcome)
        self._staff.part(worker)

    def _died(self, event: WorkerDied) -> None:
        worker = self._roster.workers.get(event.worker)
        if worker is None:
            return
        left, leases = worker.leaving, list(worker.leases.values())
        self._staff.remove(worker)
        for lease in leases:
            self._end_lease(worker, lease)
        if leases or not left:
            self._staff.replace(worker)
        if worker.late:
            self._return_from_killed(worker, leases)
        else:
            self._blame(worker, leases, event.reason, struck=left != REVOKED and bool(leases or not left))

    def _tick(self, event: Tick) -> None:
        for worker, lease in self._clocks.expired(event.at):
            self._staff.ran_late(worker, lease, event.at)
        self._staff.notice_starving(event.at, work=bool(self._waiting) and not self._pauses)

    def _disk(self, event: DiskReserve) -> None:
        if event.low:
            self._pause("disk", "free disk space is below the reserve")
        else:
            self._unpause("disk")

    def _requested(self, event: Requested) -> None:
        if event.what == "pause":
            self._pause("request", "somebody asked for a pause")
        elif event.what == "unpause":
            self._unpause("request", "breaker", "device")
        elif event.what == "cancel":
            for task in known(self._book.tasks, event.unit_ids):
                self._cancel(task)
        else:
            for task in known(self._book.tasks, event.unit_ids):
                if task.state in BAD:
                    task.charges, task.excused, task.suspect, task.failed_on = 0, 0, False, ()
                    self._book.revive(task, "asked to retry")
                    self._ended = False

    # --- ends of attempts -------------------------------------------------------------------------------------

    def _succeeded(self, worker: Worker, task: Task, outcome: Outcome) -> None:
        for device in self._strikes.succeeded(worker.device, task.unit_id):
            self._judge(device)
        task.charges += 1
        task.suspect = False
        self._breaker.add(task.unit_id, worker.device)
        self._book.end(task, "done", worker, outcome)

    def _failed(self, worker: Worker, lease: Lease, outcome: Outcome) -> None:
        """An attempt failed in a way that another one may mend."""
        task = lease.task
        if worker.device in self._strikes.drained:
            self._book.wait(task, worker, outcome, why=f"the device was at fault: {worker.device}")
            return
        task.charges += 1
        if _out_of_memory(lease, outcome):
            _make_smaller(task, outcome)
            self._breaker.add(task.unit_id, worker.device)
        else:
            fault = fault_of(outcome) if task.excused < MOST_EXCUSES else ""
            task.failed_on += (worker.device,)
            self._strikes.failed(worker.device, task.unit_id, sure=bool(fault), charged=True)
            self._breaker.add(task.unit_id, worker.device, fault)
        self._try_again_or_not(task, worker, outcome)
        self._judge(worker.device)
        self._judge_run()

    def _try_again_or_not(self, task: Task, worker: Worker, outcome: Outcome) -> None:
        if task.charges < self.settings.attempts:
            self._book.wait(task, worker, outcome, charged=True)
        elif self._deserves_another_device(task):
            task.charges -= 1
            task.extra_try = True
            self._book.wait(task, worker, outcome, why="once more, on another device")
        elif task.cancelled:
            self._book.wait(task, worker, outcome, charged=True)
        else:
            self._book.end(task, "quarantined", worker, outcome)

    def _deserves_another_device(self, task: Task) -> bool:
        last = task.failed_on[-2:]
        same = len(last) == 2 and last[0] == last[1]
        return same and not task.extra_try and bool(set(self._roster.usable) - {last[1]})

    def _blame(self, worker: Worker, leases: list[Lease], reason: str, *, struck: bool) -> None:
        """A process died by itself. All that had started are suspects; only one that was alone is charged.

        That a unit has started may be known to the dead process only: one that was alone is charged anyhow, and one
        that is there a second time when a worker dies is a suspect.
        """
        outcome = Outcome("WorkerDied", reason, retryable=True, device=worker.device, node=worker.node)
        if len(leases) == 1 and leases[0].alone:
            leases[0].task.suspect = True
            self._failed(worker, leases[0], outcome)
            return
        suspects = [lease for lease in leases if lease.started or lease.task.unheard]
        for lease in leases:
            lease.task.unheard = not lease.started
            if lease not in suspects:
                self._book.wait(lease.task, worker, why="its worker died before it had started")
                continue
            lease.task.suspect = True
            lease.task.failed_on += (worker.device,)
            self._book.wait(lease.task, worker, outcome, why="its worker died; it will run alone")
        if struck:
            self._strike_for(worker, suspects or leases, outcome)

    def _strike_for(self, worker: Worker, there: list[Lease], outcome: Outcome) -> None:
        computing = [lease for lease in there if lease.phase == "compute"] or there
        self._deaths += 1
        name = computing[0].task.unit_id if computing else f"(idle death {self._deaths})"
        self._strikes.failed(worker.device, name, sure=True, charged=False)
        self._breaker.add(name, worker.device, fault_of(outcome), charged=False)
        self._judge(worker.device)
        self._judge_run()

    def _return_from_killed(self, worker: Worker, leases: list[Lease]) -> None:
        """We killed it: those that were late are charged, their neighbours are not."""
        for lease in leases:
            phase = worker.late.get(lease.task.unit_id)
            if phase is None:
                self._book.wait(lease.task, worker, why="a neighbour ran out of time")
                continue
            error = f"{phase} took longer than {self._clocks.limit_s(phase):g} s"
            outcome = Outcome("Timeout", error, retryable=True, device=worker.device, node=worker.node)
            self._failed(worker, lease, outcome)

    # --- judgement --------------------------------------------------------------------------------------------

    def _judge(self, device: str) -> None:
        """Drain a device that has had its strikes; the last one is not drained, the run pauses instead."""
        others = (set(self._roster.usable) | self._staff.lost) - {device} - set(self._strikes.drained)
        if not self._strikes.out(device, alone=not others):
            return
        why = f"{device} failed {self.settings.device_strikes} different units in a row"
        charged = self._strikes.charged(device)
        self._breaker.excuse(device)
        if others:
            self._drain(device, why)
        else:
            self._pause("device", f"{why}, and there is no other")
        self._refund(charged, f"the device was at fault: {device}")

    def _drain(self, device: str, why: str) -> None:
        self._strikes.drained[device] = why
        self._emit(DrainDevice(device, why))
        for worker in self._roster.on(device):
            self._staff.leave(worker, why, replaced=True)

    def _judge_run(self) -> None:
        tripped = self._breaker.tripped()
        if tripped is not None:
            kind, failed = tripped
            self._breaker.clear()
            self._pause("breaker", f"many units in a row failed alike: {kind}")
            self._strikes.refunded(failed)
            self._refund(failed, "the run was at fault, not the unit")

    def _refund(self, charged: Mapping[str, int], why: str) -> None:
        """Give attempts back; a stage that has ended stays ended."""
        for unit_id, count in charged.items() if not self._ended else ():
            self._book.refund(self._book.tasks[unit_id], count, why)

    # --- leases -----------------------------------------------------------------------------------------------

    def _lease(self, worker: str, unit_id: str) -> tuple[Worker, Lease] | None:
        there = self._roster.workers.get(worker)
        lease = there.leases.get(unit_id) if there else None
        return (there, lease) if there and lease else None

    def _end_lease(self, worker: Worker, lease: Lease) -> None:
        self._clocks.stop(lease)
        worker.leases.pop(lease.task.unit_id, None)
        if worker.claim is lease.task:
            self._dispatch.unclaim(lease.task)
        self._dispatch.has_room(worker)

    # --- the run ----------------------------------------------------------------------------------------------

    def _cancel(self, task: Task) -> None:
        if task.state == "waiting":
            self._dispatch.unclaim(task)
            self._book.end(task, "cancelled", charged=False, why="cancelled")
        elif task.state in {"leased", "quarantined"}:
            task.cancelled = True

    def _pause(self, cause: str, why: str) -> None:
        if self._pauses.get(cause) != why:
            self._pauses[cause] = why
            self._emit(PauseRun(why))

    def _unpause(self, *causes: str) -> None:
        lifted = [cause for cause in causes if self._pauses.pop(cause, None)]
        if "device" in lifted:
            self._strikes.forgive()
        if "breaker" in lifted:
            self._breaker.clear()
        if lifted and not self._pauses:
            self._emit(UnpauseRun())

    def _close(self) -> None:
        """What follows from the new state, whatever the events were."""
        if not self._pauses:
            self._dispatch.feed()
            if self._staff.owes and self._waiting:
                self._staff.hire(self._strikes.accused())
        if not self._ended and not self._book.n_open:
            self._ended = True
            self._emit(StageEnded())

    def _emit(self, instruction: Instruction) -> None:
        self._out.append(instruction)


def _out_of_memory(lease: Lease, outcome: Outcome) -> bool:
    """Whether the attempt asks for smaller pieces or for the device to itself, and has not had that yet."""
    return not lease.exclusive and (outcome.exclusive or outcome.tile < lease.task.tile)


def _make_smaller(task: Task, outcome: Outcome) -> None:
    """Half the tile first; then the whole device."""
    if outcome.exclusive or task.tile < 1:
        task.exclusive = True
    task.tile = max(SMALLEST_TILE, min(outcome.tile, task.tile if outcome.exclusive else task.tile / 2))


_HANDLERS: dict[type[Any], Callable[[Scheduler, Any], None]] = {
    UnitsAdded: Scheduler._units_added,
    CapacityGranted: Scheduler._granted,
    CapacityRevoked: Scheduler._revoked,
    PhaseStarted: Scheduler._phase_started,
    PhaseEnded: Scheduler._phase_ended,
    UnitEnded: Scheduler._unit_ended,
    WorkerDied: Scheduler._died,
    Tick: Scheduler._tick,
    DiskReserve: Scheduler._disk,
    Requested: Scheduler._requested,
}
