"""Who carries instructions out: in this process, or on Ray. A performer decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from scanmill.engine.messages import Event
from scanmill.engine.task import Progress, StageWork, Task

Heard: TypeAlias = Event | Progress
"""What a performer tells; ``at`` is 0 until the driver puts its clock's time in."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What each worker of a stage takes: CPU cores, GPUs (a fraction is shared), and how many workers at most."""

    cpus: float = 1.0
    gpus: float = 0.0
    workers: int | None = None


class Performer(Protocol):
    """Workers come and go through `poll`: a ready one is a CapacityGranted, a lost one a WorkerDied."""

    def open_stage(self, work: StageWork, claim: Claim) -> None:
        """Make the workers ready for a stage: those that fit are kept, others start."""

    def start_worker(self, not_on: frozenset[str]) -> None:
        """Start one more worker where there is a free place, on none of these devices if it can be helped."""

    def assign(self, worker: str, tasks: Sequence[Task]) -> None:
        """Give a worker units, in one call."""

    def kill(self, worker: str, why: str) -> None:
        """End its process now; a WorkerDied follows."""

    def release(self, worker: str, why: str) -> None:
        """Let a worker go that has nothing in hand; a WorkerDied follows."""

    def drain(self, device: str) -> None:
        """Start no more workers on a device while there is another."""

    def poll(self, timeout_s: float) -> list[Heard]:
        """What has happened; waits up to ``timeout_s`` for something to happen."""

    def environments(self) -> Mapping[str, Mapping[str, Any]]:
        """The environment record of each node that has had a worker."""

    def close(self) -> None:
        """End all workers."""


def best_place(free: Sequence[str], not_on: Collection[str], drained: Collection[str], *, others: bool) -> str | None:
    """The first free device that is under no suspicion, else one under suspicion; a drained one only if there are no
    ``others`` at work.

    >>> best_place(["a", "b", "c"], not_on={"a"}, drained={"b"}, others=True)
    'c'
    >>> best_place(["a"], {"a"}, (), others=True), best_place(["b"], (), {"b"}, others=True)
    ('a', None)
    """
    ranked = sorted(free, key=lambda device: (device in drained) * 2 + (device in not_on))
    return None if not ranked or (ranked[0] in drained and others) else ranked[0]
