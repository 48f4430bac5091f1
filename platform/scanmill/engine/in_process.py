"""The performer for tests and ``--workers 0``: workers are threads of this process, each with a device name of its own.

A thread cannot be killed: a killed worker is no longer listened to, and what it still writes is garbage that the ledger
does not name. A step that ends the process ends the run; on Ray it ends a worker.
"""

from __future__ import annotations

import queue
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from scanmill.engine.environment import environment_record
from scanmill.engine.execute import Site
from scanmill.engine.messages import CapacityGranted, WorkerDied
from scanmill.engine.performer import Claim, Heard, best_place
from scanmill.engine.task import StageWork, Task
from scanmill.engine.worker import Worker, WorkerEvent


class InProcess:
    """A few workers in this process, on devices ``<host>/cpu:0`` and so on; one unless ``workers`` says more."""

    def __init__(self, workers: int = 1) -> None:
        self._wanted = max(workers, 1)
        self._node = socket.gethostname()
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._workers: dict[str, Worker] = {}
        self._drained: set[str] = set()
        self._started = 0
        self._work: StageWork | None = None

    def open_stage(self, work: StageWork, claim: Claim) -> None:
        """Start the workers, or give those that are there the next stage."""
        self._work = work
        for worker in self._workers.values():
            worker.set_stage(work)
            self._ready(worker)
        for _ in range(self._wanted - len(self._workers)):
            self.start_worker(frozenset())

    def start_worker(self, not_on: frozenset[str]) -> None:
        """Start a thread worker on a free device."""
        assert self._work is not None, "open_stage comes first"
        taken = {worker.site.device for worker in self._workers.values()}
        places = [f"{self._node}/cpu:{number}" for number in range(self._wanted)]
        device = best_place(
            [place for place in places if place not in taken], not_on, self._drained, others=bool(taken)
        )
        if device is None:
            return
        self._started += 1
        name = f"w{self._started}"
        worker = Worker(name, Site(device, self._node), lambda event: self._hear(name, event))
        self._workers[name] = worker
        worker.set_stage(self._work)
        self._ready(worker)

    def assign(self, worker: str, tasks: Sequence[Task]) -> None:
        """Give a worker units."""
        if worker in self._workers:
            self._workers[worker].submit(tasks)

    def kill(self, worker: str, why: str) -> None:
        """Listen to it no longer."""
        gone = self._workers.pop(worker, None)
        if gone is not None:
            gone.stop()
            self._heard.put(WorkerDied(worker, why, 0.0))

    def release(self, worker: str, why: str) -> None:
        """As `kill`: it has nothing in hand."""
        self.kill(worker, why)

    def drain(self, device: str) -> None:
        """Keep the device for when there is no other."""
        self._drained.add(device)

    def poll(self, timeout_s: float) -> list[Heard]:
        """All that has been told since the last time."""
        heard: list[Heard] = []
        try:
            heard.append(self._heard.get(timeout=timeout_s))
            while True:
                heard.append(self._heard.get_nowait())
        except queue.Empty:
            return heard

    def environments(self) -> Mapping[str, Mapping[str, Any]]:
        """This machine's record."""
        return {self._node: environment_record(self._node)}

    def close(self) -> None:
        """Stop all workers, without waiting for what they have in hand."""
        for worker in self._workers.values():
            worker.stop()
        self._workers.clear()

    def _ready(self, worker: Worker) -> None:
        self._heard.put(CapacityGranted(worker.name, worker.site.device, worker.site.node, 0.0))

    def _hear(self, name: str, event: WorkerEvent) -> None:
        if name in self._workers:
            self._heard.put(event)
