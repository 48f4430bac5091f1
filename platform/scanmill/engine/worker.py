"""A worker: units flow through read, compute and write in three threads; the device has one user at a time."""

from __future__ import annotations

import gc
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from scanmill.engine.conclude import conclude
from scanmill.engine.execute import Attempt, Site, Workshop
from scanmill.engine.messages import PhaseEnded, PhaseStarted, UnitEnded
from scanmill.engine.outcome import Outcome
from scanmill.engine.task import Progress, StageWork, Task
from scanmill.errors import ResourceError
from scanmill.steps.contract import Phase

WorkerEvent: TypeAlias = PhaseStarted | PhaseEnded | UnitEnded | Progress
"""Their ``at`` is 0: the driver puts its own clock's time in when it hears them."""
Emit = Callable[[WorkerEvent], None]
SECONDS_BETWEEN_PROGRESS = 1.0
STAGE_PATIENCE_S = 60.0
"""How long tasks of a stage wait for that stage: the calls that bring the two may overtake each other."""
MOST_STAGES = 4
"""The last ones are remembered: calls that bring stages may overtake each other too."""


class Worker:
    """Runs the tasks it is given, in order, and tells ``emit`` of every phase and end.

    While one unit computes, the next is read and the last one written. ``device_lock`` is held during compute; waiting
    for it, or for a place in the line, runs no clock.
    """

    def __init__(self, name: str, site: Site, emit: Emit, device_lock: threading.Lock | None = None) -> None:
        self.name, self.site = name, site
        self._emit = emit
        self._device = device_lock or threading.Lock()
        self._shops: dict[str, Workshop | None] = {}
        self._staged = threading.Condition()
        self._said = 0.0
        self._to_read: queue.Queue[tuple[Task, Workshop] | None] = queue.Queue()
        self._to_compute: queue.Queue[Attempt | None] = queue.Queue(1)
        self._to_write: queue.Queue[Attempt | None] = queue.Queue(1)
        self._threads = [
            threading.Thread(target=loop, name=f"{name}-{phase}", daemon=True)
            for phase, loop in (("read", self._reads), ("compute", self._computes), ("write", self._writes))
        ]
        for thread in self._threads:
            thread.start()

    def set_stage(self, work: StageWork) -> None:
        """Bind the steps of a stage; SpecError if this node lacks one. Tasks that came before keep theirs."""
        shop: Workshop | None = None
        try:
            shop = Workshop(work, self.site)
        finally:
            with self._staged:
                self._shops.pop(work.stage, None)
                self._shops[work.stage] = shop
                while len(self._shops) > MOST_STAGES:
                    del self._shops[next(iter(self._shops))]
                self._staged.notify_all()

    def submit(self, tasks: Sequence[Task]) -> None:
        """Take several units at once; those of a stage that this worker could not take over have failed here."""
        for task in tasks:
            shop = self._shop_of(task.unit.stage)
            if shop is None:
                self._refuse(task, ResourceError("this worker could not take the stage over", where=task.unit.stage))
            else:
                self._to_read.put((task, shop))

    def stop(self, timeout_s: float | None = 0.0) -> None:
        """Take no more; units in hand end first. ``timeout_s`` None waits for them."""
        self._to_read.put(None)
        if timeout_s != 0.0:
            for thread in self._threads:
                thread.join(timeout_s)

    def _shop_of(self, stage: str) -> Workshop | None:
        """Never another stage's: units would go through the wrong steps."""
        with self._staged:
            self._staged.wait_for(lambda: stage in self._shops, STAGE_PATIENCE_S)
            return self._shops.get(stage)

    # --- the three threads ------------------------------------------------------------------------------------------

    def _reads(self) -> None:
        while (given := self._to_read.get()) is not None:
            task, shop = given
            attempt = self._begin(task, shop)
            if attempt is not None and self._run(attempt, "read"):
                self._to_compute.put(attempt)
            given = attempt = None
        self._to_compute.put(None)

    def _computes(self) -> None:
        while (attempt := self._to_compute.get()) is not None:
            with self._device:
                well = self._run(attempt, "compute")
            if well:
                self._to_write.put(attempt)
            attempt = None
        self._to_write.put(None)

    def _writes(self) -> None:
        while (attempt := self._to_write.get()) is not None:
            if self._run(attempt, "write"):
                self._end(attempt, attempt.outcome())
            attempt = None

    def _begin(self, task: Task, shop: Workshop) -> Attempt | None:
        try:
            return Attempt(task, shop, self._progress)
        except OSError as error:  # no scratch folder: the disk is full or read-only
            self._refuse(task, error)
            return None

    def _refuse(self, task: Task, error: Exception) -> None:
        outcome = conclude(error).outcome(device=self.site.device, node=self.site.node, seconds={}, warnings=())
        self._emit(UnitEnded(self.name, task.unit.unit_id, task.attempt, outcome, 0.0))

    def _run(self, attempt: Attempt, phase: Phase) -> bool:
        unit_id = attempt.task.unit.unit_id
        self._emit(PhaseStarted(self.name, unit_id, phase, 0.0))
        try:
            attempt.run(phase)
        except BaseException as error:  # noqa: BLE001  (here exceptions become outcomes, SystemExit of a step too)
            outcome = attempt.fail(error)
            del error
            self._end(attempt, outcome)
            gc.collect()
            return False
        if phase != "write":
            self._emit(PhaseEnded(self.name, unit_id, phase, 0.0))
        return True

    def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        attempt.close()
        task = attempt.task
        self._emit(UnitEnded(self.name, task.unit.unit_id, task.attempt, outcome, 0.0))

    def _progress(self, unit_id: str, fraction: float, note: str) -> None:
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_PROGRESS:
            self._said = now
            self._emit(Progress(self.name, unit_id, float(fraction), str(note)))
