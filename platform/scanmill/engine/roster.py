"""Who is there and what each is doing: tasks, leases, workers and devices as the scheduler sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scanmill.engine.unit import Unit, UnitState
from scanmill.steps.contract import Phase


@dataclass(slots=True, eq=False)
class Task:
    """A unit and its fate so far. ``charges`` count against it, ``tries`` are all; ``failed_on`` is in time order;
    ``unheard``: a worker has died with it that had not told of its start.

    ``place`` is when it came, ``queued`` the number of its entry in a line (0: in none)."""

    unit: Unit
    place: int = 0
    state: UnitState = "waiting"
    charges: int = 0
    tries: int = 0
    suspect: bool = False
    unheard: bool = False
    tile: float = 1.0
    exclusive: bool = False
    cancelled: bool = False
    upstream: bool = False
    extra_try: bool = False
    excused: int = 0
    open_needs: int = 0
    failed_on: tuple[str, ...] = ()
    queued: int = 0

    @property
    def unit_id(self) -> str:
        """Of its unit."""
        return self.unit.unit_id


@dataclass(slots=True, eq=False)
class Lease:
    """A task on a worker. ``phase`` is None before its first one; ``clock`` numbers the phases, for stale deadlines."""

    task: Task
    attempt: int
    alone: bool
    exclusive: bool
    phase: Phase | None = None
    running: bool = False
    clock: int = 0

    @property
    def started(self) -> bool:
        """Whether the worker has begun with it."""
        return self.phase is not None


@dataclass(slots=True, eq=False)
class Worker:
    """A process. ``leaving``: it gets nothing more; ``late``: its units that ran out of time; ``claim``: the task that
    waits until this worker, or the whole device, is empty (or runs there alone)."""

    name: str
    device: str
    node: str
    leases: dict[str, Lease] = field(default_factory=dict)
    leaving: str = ""
    late: dict[str, Phase] = field(default_factory=dict)
    late_until: float = 0.0
    killed: bool = False
    replaced: bool = False
    claim: Task | None = None


class Roster:
    """The workers, and how many usable ones each device has."""

    def __init__(self) -> None:
        self.workers: dict[str, Worker] = {}
        self.usable: dict[str, int] = {}
        self._of_device: dict[str, dict[str, Worker]] = {}

    def add(self, worker: Worker) -> None:
        """A worker is up."""
        self.workers[worker.name] = worker
        self._of_device.setdefault(worker.device, {})[worker.name] = worker
        self.usable[worker.device] = self.usable.get(worker.device, 0) + 1

    def leave(self, worker: Worker, why: str) -> None:
        """It gets nothing more; what it has, it may end."""
        if not worker.leaving:
            worker.leaving = why
            self._forget(worker)

    def remove(self, worker: Worker) -> None:
        """It is gone."""
        del self.workers[worker.name]
        del self._of_device[worker.device][worker.name]
        if not worker.leaving:
            self._forget(worker)

    def on(self, device: str) -> Iterator[Worker]:
        """The workers on a device, leaving ones too."""
        yield from list(self._of_device.get(device, {}).values())

    def may_run(self, task: Task, device: str) -> bool:
        """Elsewhere than where it failed, as long as there is an elsewhere; at least not where it failed last."""
        if not task.failed_on or device not in task.failed_on:
            return True
        if len(self.usable) > sum(one in self.usable for one in set(task.failed_on)):
            return False
        return device != task.failed_on[-1] or len(self.usable) == 1

    def _forget(self, worker: Worker) -> None:
        self.usable[worker.device] -= 1
        if not self.usable[worker.device]:
            del self.usable[worker.device]
