"""The process on Ray that owns one device: a `Worker` behind three calls. It is imported on the node, not here."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any

from scanmill.engine.closure import closure
from scanmill.engine.environment import environment_record
from scanmill.engine.execute import Site
from scanmill.engine.kernel_cache import LAUNCH, use_kernel_cache, warm_kernels
from scanmill.engine.stage_steps import bind
from scanmill.engine.task import StageWork, Task
from scanmill.engine.worker import Worker, WorkerEvent

DEVICE_VARIABLE = "SCANMILL_DEVICE"
"""In a worker's environment: its device's name in the cluster."""
GATHER_S = 0.02
"""How long a call gathers events after the first, so that short units come back many at a time; long ones have the
next unit read ahead and do not notice."""
MOST_EVENTS = 2000
PREPARE_S = 600.0


class RayWorker:
    """Lives in an actor with a few threads: one waits in `poll`, another brings tasks, the worker's own three work."""

    def __init__(self, name: str, node: str, device: str, cpus: float) -> None:
        self._name, self._node, self._device, self._cpus = name, node, device, cpus
        self._events: queue.SimpleQueue[WorkerEvent] = queue.SimpleQueue()
        self._worker: Worker | None = None
        self._prepared = threading.Event()

    def prepare(self, work: StageWork) -> dict[str, Any]:
        """Set the threads, compile and warm the kernels, bind the stage; what this worker is."""
        set_threads(self._cpus)
        array_device, self._device = own_device(self._node, self._device)
        os.environ[DEVICE_VARIABLE] = self._device
        if needs_kernels(work):
            warm_kernels(array_device)
        site = Site(self._device, self._node, array_device)
        self._worker = Worker(self._name, site, self._events.put)
        self._worker.set_stage(work)
        self._prepared.set()
        return {"device": self._device, "pid": os.getpid()}

    def environment(self) -> dict[str, Any]:
        """The record of this node."""
        return environment_record(self._node)

    def set_stage(self, work: StageWork) -> None:
        """The next stage; it may come while `prepare` is at work on the last one."""
        self._prepared.wait(PREPARE_S)
        assert self._worker is not None
        self._worker.set_stage(work)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Several units in one call."""
        assert self._worker is not None
        self._worker.submit(tasks)

    def poll(self, timeout_s: float) -> list[WorkerEvent]:
        """What has happened since the last call; waits for the first event, then a moment for others."""
        events: list[WorkerEvent] = []
        try:
            events.append(self._events.get(timeout=timeout_s))
            until = time.monotonic() + GATHER_S
            while len(events) < MOST_EVENTS:
                events.append(self._events.get(timeout=max(until - time.monotonic(), 0.0)))
        except queue.Empty:
            return events
        return events


def set_threads(cpus: float) -> None:
    """As many threads as cores were given, and a Numba layer that survives two of them; before Numba is imported."""
    threads = str(max(int(cpus), 1))
    os.environ["NUMBA_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = threads
    if os.environ.get("NUMBA_THREADING_LAYER", "workqueue") == "workqueue":
        os.environ["NUMBA_THREADING_LAYER"] = "threadsafe"
    use_kernel_cache()


def own_device(node: str, place: str) -> tuple[str, str]:
    """The device's name in this process and in the cluster: the GPU that Ray gave us, else the place that was named."""
    import ray

    numbers: Sequence[Any] = ray.get_gpu_ids()
    return ("cuda:0", f"{node}/cuda:{numbers[0]}") if numbers else ("cpu", place)


def needs_kernels(work: StageWork) -> bool:
    """Whether a step of the stage can reach a kernel; Numba takes seconds to import."""
    return any(LAUNCH in closure(bound.step.run.__module__) for bound in bind(work.steps))
