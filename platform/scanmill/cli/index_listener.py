"""The index follows a run: what is finished is searchable within seconds, and never at the job's expense."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

from scanmill.cli.index_update import IndexWriter
from scanmill.cli.run_entries import Described, RunEntries
from scanmill.engine.conclude import conclude
from scanmill.engine.events import RunEvent, RunSummary

SECONDS_BETWEEN_COMMITS = 1.0
ROWS_AT_ONCE = 256
ALL = "*"
"""Every stage that has results."""


class IndexListener:
    """Hands the entries of finished rows to a thread of its own, which commits them to the index.

    Rows come as they end; groups, and whatever was missed (a writer that was locked out, units of an earlier attempt
    at the run), when their stage ends. ``behind`` are the stages of which the index may lack something:
    ``scanmill index add`` brings it later.
    """

    def __init__(self, run: str, index: Path) -> None:
        self.run, self.index = run, index
        self.problem, self.behind = "", set[str]()
        self._events: queue.SimpleQueue[RunEvent] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._writer: IndexWriter | None = None
        self._thread = threading.Thread(target=self._work, name="scanmill-index", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """How many new or changed entries were committed."""
        return self._writer.written if self._writer else 0

    @property
    def strangers(self) -> int:
        """How many images were left out, since another embedding made their entries."""
        return self._writer.strangers if self._writer else 0

    def on_event(self, event: RunEvent) -> None:
        """Only remember it: the driver goes on at once."""
        if event.kind in {"run_started", "stage_ended"} or (event.kind == "unit" and event.state == "done"):
            self._events.put(event)

    def on_end(self, summary: RunSummary) -> None:
        """The last stage's end was told already."""

    def close(self, timeout: float = 60.0) -> bool:
        """Wait a while for the rest to be committed; False where something is left out."""
        self._stop.set()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self.behind

    def _work(self) -> None:
        while not (self._stop.is_set() and self._events.empty()):
            units, stages = self._taken()
            self._try_units(units)
            for stage in stages:
                self._try_stage(stage)
        if self._writer is not None:
            self._writer.entries.close()

    def _taken(self) -> tuple[list[RunEvent], list[str]]:
        """What has come: a second's rows at most, and stages to look through."""
        units: list[RunEvent] = []
        ends = time.monotonic() + SECONDS_BETWEEN_COMMITS
        while len(units) < ROWS_AT_ONCE and (left := ends - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=min(left, 0.1))
            except queue.Empty:
                if self._stop.is_set():
                    break
                continue
            if event.kind != "unit":
                return units, [event.stage or ALL]
            units.append(event)
        return units, []

    def _try_units(self, units: list[RunEvent]) -> None:
        try:
            described = [one for event in units for one in self._described(event)]
            if described:
                self._ready().write(described)
        except Exception as error:  # noqa: BLE001  (whatever a store or an index raises: the stage's end looks again)
            self._fell_behind(error, {event.stage for event in units})

    def _try_stage(self, stage: str) -> None:
        try:
            writer = self._ready()
            for name in writer.entries.stages if stage == ALL else (stage,):
                missing = writer.missing(writer.entries.of_stage(name))
                for start in range(0, len(missing), ROWS_AT_ONCE):
                    writer.write(missing[start : start + ROWS_AT_ONCE])
                self.behind.discard(name)
        except Exception as error:  # noqa: BLE001  (the same)
            self._fell_behind(error, {stage})
        else:
            self.behind.discard(stage)

    def _described(self, event: RunEvent) -> list[Described]:
        entries = self._ready().entries
        if event.outcome is None or entries.stages.get(event.stage) != "rows":
            return []
        return entries.of_artifacts(event.row_keys[0], event.stage, event.outcome.artifacts)

    def _ready(self) -> IndexWriter:
        if self._writer is None:
            self._writer = IndexWriter(self.index, RunEntries(self.run))
        return self._writer

    def _fell_behind(self, error: Exception, stages: set[str]) -> None:
        verdict = conclude(error)
        self.problem = f"{verdict.error_class}: {verdict.error}"
        self.behind |= stages
