"""How workers come and go: replaced when they die, killed when a unit hangs, let go when they are not wanted."""

from __future__ import annotations

from collections.abc import Callable

from scanmill.engine.dispatch import Dispatch
from scanmill.engine.messages import Instruction, KillWorker, ReleaseWorker, StartWorker
from scanmill.engine.roster import Lease, Roster, Worker

REVOKED = "capacity revoked"
LATE = "a unit ran out of time"


class Staff:
    """The workers' ends, and how many are owed in their place. ``lost`` are devices whose worker is being replaced."""

    def __init__(
        self,
        roster: Roster,
        dispatch: Dispatch,
        emit: Callable[[Instruction], None],
        *,
        grace_s: float,
        patience_s: float,
    ) -> None:
        self._roster, self._dispatch, self._emit = roster, dispatch, emit
        self._grace_s, self._patience_s = grace_s, patience_s
        self._late: dict[str, Worker] = {}
        self._owed, self._starting = 0, 0
        self._starving_since: float | None = None
        self._lost: set[str] = set()

    @property
    def lost(self) -> frozenset[str]:
        """Devices that may come back: a worker has been asked for in place of one that died there."""
        return frozenset(self._lost if self._starting or self._owed else ())

    def came(self, device: str) -> None:
        """A worker is up."""
        self._starting = max(0, self._starting - 1)
        self._lost.discard(device)

    def remove(self, worker: Worker) -> None:
        """It is dead."""
        self._roster.leave(worker, "dead")
        self._dispatch.leaves(worker)
        self._roster.remove(worker)
        self._late.pop(worker.name, None)

    def leave(self, worker: Worker, why: str, *, replaced: bool) -> None:
        """It gets nothing more, and goes when it is empty."""
        if replaced:
            self.replace(worker)
        worker.replaced = True
        self._roster.leave(worker, why)
        self._dispatch.leaves(worker)
        self.part(worker)

    def replace(self, worker: Worker) -> None:
        """Another one is wanted in its place, once."""
        if not worker.replaced:
            worker.replaced = True
            self._owed += 1
            self._lost.add(worker.device)

    def part(self, worker: Worker) -> None:
        """Let a worker go that is leaving and has nothing left."""
        if worker.leaving and not worker.leases and not worker.killed:
            if self._late.pop(worker.name, None):
                self.replace(worker)
            worker.killed = True
            self._emit(ReleaseWorker(worker.name, worker.leaving))

    def ran_late(self, worker: Worker, lease: Lease, at: float) -> None:
        """A phase took too long: the worker gets nothing more and is killed as soon as that is fair."""
        if self._roster.workers.get(worker.name) is not worker or worker.killed or lease.phase is None:
            return
        if not worker.late:
            worker.late_until = at + self._grace_s
        worker.late[lease.task.unit_id] = lease.phase
        self._late[worker.name] = worker
        self._roster.leave(worker, LATE)
        self._dispatch.leaves(worker)

    def kill_the_late(self, at: float) -> None:
        """Kill those with a late unit where no neighbour writes, or has written long enough."""
        for worker in list(self._late.values()):
            if worker.killed or not worker.late.keys() & worker.leases.keys():
                continue
            neighbours = (lease for unit_id, lease in worker.leases.items() if unit_id not in worker.late)
            writing = any(lease.running and lease.phase == "write" for lease in neighbours)
            if not writing or at >= worker.late_until:
                worker.killed = True
                self._emit(KillWorker(worker.name, f"{LATE}: {', '.join(sorted(worker.late))}"))

    def notice_starving(self, at: float, *, work: bool) -> None:
        """When work has waited for long and nobody is there, a worker is owed."""
        if not work or self._roster.usable:
            self._starving_since = None
        elif self._starving_since is None:
            self._starving_since = at
        elif at - self._starving_since >= self._patience_s:
            self._starving_since = at
            self._owed = max(self._owed, 1)

    @property
    def owes(self) -> bool:
        """Whether a worker is to be asked for."""
        return self._owed > 0

    def hire(self, not_on: frozenset[str]) -> None:
        """Ask for those that are owed."""
        for _ in range(self._owed):
            self._emit(StartWorker(not_on))
        self._starting += self._owed
        self._owed = 0
