"""Who gets what: the largest unit first, two in flight on a worker, and room made for those that must run alone."""

from __future__ import annotations

from collections.abc import Callable

from scanmill.engine.book import Book
from scanmill.engine.messages import Assign, Instruction
from scanmill.engine.roster import Roster, Task, Worker
from scanmill.engine.waiting import Waiting


class Dispatch:
    """Feeds workers. A unit that must run alone claims a worker (an exclusive one, all workers of the device), which
    gets nothing more until it is empty and then that unit; at most half of the workers are claimed at a time."""

    def __init__(
        self, in_flight: int, roster: Roster, waiting: Waiting, book: Book, emit: Callable[[Instruction], None]
    ) -> None:
        self._in_flight, self._roster, self._waiting, self._book, self._emit = in_flight, roster, waiting, book, emit
        self._hungry: dict[str, Worker] = {}
        self._claims: dict[str, list[Worker]] = {}

    def has_room(self, worker: Worker) -> None:
        """A worker is up, or has ended a unit."""
        if not worker.leaving:
            self._hungry[worker.name] = worker

    def feed(self) -> None:
        """Hand out what can be handed out: breadth first, so that nobody gets a second unit before all have one."""
        for depth in range(self._in_flight):
            if not self._hungry or (not self._waiting and not self._claims):
                return
            for worker in [one for one in self._hungry.values() if len(one.leases) <= depth]:
                if not self._feed_one(worker) and len(worker.leases) >= self._in_flight:
                    self._hungry.pop(worker.name, None)

    def joins(self, worker: Worker) -> None:
        """A worker that comes up on a claimed device is claimed too."""
        for other in self._roster.on(worker.device):
            if other.claim is not None and other.claim.exclusive and other is not worker:
                worker.claim = other.claim
                self._claims[other.claim.unit_id].append(worker)
                return

    def leaves(self, worker: Worker) -> None:
        """A worker gets nothing more; a unit that had claimed it, and has not got it yet, waits for another."""
        task = worker.claim
        if task is not None and task.unit_id not in worker.leases:
            if self._claims[task.unit_id][0] is worker and task.state == "waiting":
                self.unclaim(task)
                self._waiting.add(task, alone=True)
            else:
                self._claims[task.unit_id].remove(worker)
                worker.claim = None
        self._hungry.pop(worker.name, None)

    def unclaim(self, task: Task) -> None:
        """The unit has ended, or no longer wants to run: its workers are free."""
        for worker in self._claims.pop(task.unit_id, ()):
            worker.claim = None
            self.has_room(worker)

    def claimed(self) -> dict[str, list[Worker]]:
        """Unit ids and the workers that they have claimed."""
        return self._claims

    def _feed_one(self, worker: Worker) -> bool:
        if worker.claim is None and not self._claim(worker):
            return self._feed_together(worker)
        return worker.claim is not None and self._feed_alone(worker.claim)

    def _feed_together(self, worker: Worker) -> bool:
        if len(worker.leases) >= self._in_flight:
            return False
        task = self._waiting.together.take(lambda one: self._roster.may_run(one, worker.device))
        if task is None:
            return False
        self._assign(task, worker, alone=False)
        return True

    def _claim(self, worker: Worker) -> bool:
        most = max(1, sum(self._roster.usable.values()) // 2)
        if not len(self._waiting.alone) or len(self._claims) >= most:
            return False
        device = [one for one in self._roster.on(worker.device) if not one.leaving and one is not worker]
        shared = all(one.claim is None for one in device)
        task = self._waiting.alone.take(
            lambda one: (shared or not one.exclusive) and self._roster.may_run(one, worker.device)
        )
        if task is None:
            return False
        self._claims[task.unit_id] = [worker, *device] if task.exclusive else [worker]
        for one in self._claims[task.unit_id]:
            one.claim = task
        return True

    def _feed_alone(self, task: Task) -> bool:
        claimed = self._claims[task.unit_id]
        if task.state != "waiting" or any(one.leases for one in claimed):
            return False
        self._assign(task, claimed[0], alone=True)
        return True

    def _assign(self, task: Task, worker: Worker, *, alone: bool) -> None:
        lease = self._book.lease(task, worker, alone=alone)
        self._emit(Assign(worker.name, task.unit, lease.attempt, alone, task.tile, task.exclusive))
        if alone or len(worker.leases) >= self._in_flight:
            self._hungry.pop(worker.name, None)
