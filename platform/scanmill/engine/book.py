"""The book of units: each one's state, written down as Records; what needs what; the six counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

from scanmill.engine.messages import Instruction, Record, UnitsAdded
from scanmill.engine.outcome import Outcome
from scanmill.engine.roster import Lease, Task, Worker
from scanmill.engine.unit import UnitState
from scanmill.engine.waiting import Waiting

MOST_EXCUSES = 2
"""How often a unit's failures may be put down to a device or the run; then they are its own. Else a few units that kill
whatever they run on would pause a small run again and again, however often somebody lets it go on."""
BAD: frozenset[UnitState] = frozenset({"failed", "quarantined", "cancelled"})


class Book:
    """All tasks. It moves them between states, queues those that may start, and emits a Record for every move."""

    def __init__(self, attempts: int, waiting: Waiting, emit: Callable[[Instruction], None]) -> None:
        self.tasks: dict[str, Task] = {}
        self.counts: dict[UnitState, int] = dict.fromkeys(get_args(UnitState), 0)
        self.attempts, self._waiting, self._emit = attempts, waiting, emit
        self._dependents: dict[str, list[Task]] = {}

    @property
    def n_open(self) -> int:
        """Units that have not reached an end."""
        return self.counts["waiting"] + self.counts["leased"]

    def add(self, event: UnitsAdded) -> None:
        """Units that wait, with what the ledger remembers of them; those that are known already are passed over."""
        fresh = []
        for index, unit in enumerate(event.units):
            if unit.unit_id in self.tasks:
                continue
            task = Task(unit, len(self.tasks), suspect=unit.unit_id in event.suspects)
            task.charges = event.attempts[index] if event.attempts else 0
            task.tries = max(task.charges, event.tries[index] if event.tries else 0)
            self.tasks[unit.unit_id] = task
            fresh.append(task)
        self.counts["waiting"] += len(fresh)
        for task in fresh:
            self._tie(task)
        ready = [task for task in fresh if task.state == "waiting" and not task.open_needs]
        self._waiting.together.add_all(task for task in ready if not self.must_be_alone(task))
        self._waiting.alone.add_all(task for task in ready if self.must_be_alone(task))

    def must_be_alone(self, task: Task) -> bool:
        """A suspect, one that wants the device to itself, and anything on its last attempt."""
        return task.suspect or task.exclusive or 0 < task.charges >= self.attempts - 1

    def lease(self, task: Task, worker: Worker, *, alone: bool) -> Lease:
        """A worker gets the task."""
        task.tries += 1
        lease = Lease(task, task.tries, alone, task.exclusive)
        worker.leases[task.unit_id] = lease
        self._move(task, "leased", worker)
        return lease

    def started(self, lease: Lease, worker: Worker) -> None:
        """The first phase has begun: should the process die now, the unit is a suspect."""
        self._record(lease.task, worker, started=True)

    def wait(
        self,
        task: Task,
        worker: Worker | None = None,
        outcome: Outcome | None = None,
        *,
        charged: bool = False,
        why: str = "",
    ) -> None:
        """The task waits (again); a cancelled one has reached its end."""
        if task.cancelled:
            self._move(task, "cancelled", worker, outcome, charged=charged, why=why or "cancelled")
            self._settle(task)
            return
        self._move(task, "waiting", worker, outcome, charged=charged, why=why)
        if not task.open_needs:
            self._waiting.add(task, alone=self.must_be_alone(task))

    def end(
        self,
        task: Task,
        state: UnitState,
        worker: Worker | None = None,
        outcome: Outcome | None = None,
        *,
        charged: bool = True,
        why: str = "",
    ) -> None:
        """The task reaches an end, and so may those that need it."""
        self._waiting.remove(task)
        self._move(task, state, worker, outcome, charged=charged, why=why)
        self._settle(task)

    def revive(self, task: Task, why: str) -> None:
        """A failed, quarantined or cancelled task waits again, and so do those that failed only for its sake."""
        task.upstream = task.cancelled = task.extra_try = False
        if (bad := self._bad_need(task)) is not None:
            self._give_up(task, bad)
            return
        self.wait(task, why=why)
        for dependent in self._dependents.get(task.unit_id, ()):
            if dependent.upstream and dependent.state in BAD:
                self.revive(dependent, why)

    def refund(self, task: Task, count: int, why: str) -> None:
        """Attempts come back that were not the unit's fault; one that they had brought to its end waits again."""
        if task.state in {"done", "failed", "cancelled"} or task.excused >= MOST_EXCUSES:
            return
        task.excused += 1
        task.charges = max(0, task.charges - count)
        if task.state == "quarantined" and not task.cancelled:
            self.revive(task, why)
        elif task.state == "waiting":
            self._record(task, None, charged=False, why=why)

    def _tie(self, task: Task) -> None:
        for need in task.unit.needs:
            known = self.tasks.get(need)
            if known is not None:
                self._dependents.setdefault(need, []).append(task)
                task.open_needs += known.state != "done"
        if (bad := self._bad_need(task)) is not None:
            self._give_up(task, bad)

    def _bad_need(self, task: Task) -> Task | None:
        known = (self.tasks.get(need) for need in task.unit.needs)
        return next((need for need in known if need is not None and need.state in BAD), None)

    def _settle(self, task: Task) -> None:
        for dependent in self._dependents.get(task.unit_id, ()):
            if task.state in BAD:
                if dependent.state == "waiting":
                    self._give_up(dependent, task)
                continue
            dependent.open_needs -= 1
            if dependent.state == "waiting" and not dependent.open_needs:
                self._waiting.add(dependent, alone=self.must_be_alone(dependent))

    def _give_up(self, task: Task, bad: Task) -> None:
        task.upstream = True
        if bad.state == "cancelled":
            self.end(task, "cancelled", charged=False, why=f"upstream: {bad.unit_id} was cancelled")
            return
        outcome = Outcome("InputError", f"upstream: the unit {bad.unit_id} that it needs is {bad.state}")
        self.end(task, "failed", outcome=outcome, charged=False, why="upstream")

    def _move(
        self,
        task: Task,
        state: UnitState,
        worker: Worker | None = None,
        outcome: Outcome | None = None,
        *,
        charged: bool = True,
        why: str = "",
    ) -> None:
        self.counts[task.state] -= 1
        self.counts[state] += 1
        task.state = state
        self._record(task, worker, outcome, charged=charged, why=why)

    def _record(
        self,
        task: Task,
        worker: Worker | None,
        outcome: Outcome | None = None,
        *,
        charged: bool = True,
        why: str = "",
        started: bool = False,
    ) -> None:
        name, device = (worker.name, worker.device) if worker else ("", "")
        self._emit(
            Record(
                task.unit_id,
                task.state,
                task.tries,
                name,
                device,
                outcome,
                charged,
                task.suspect,
                why,
                task.charges,
                started,
            )
        )


def known(tasks: dict[str, Task], unit_ids: Iterable[str]) -> list[Task]:
    """The tasks of these ids; of an empty list, all tasks."""
    ids = tuple(unit_ids)
    return [tasks[one] for one in ids if one in tasks] if ids else list(tasks.values())
