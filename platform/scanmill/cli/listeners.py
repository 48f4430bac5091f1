"""Tracking and report, wired to the engine: MLflow hears a run's numbers, the page is written at its end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scanmill.engine.events import RunEvent, RunSummary
from scanmill.tracking import Tracker

SECONDS_BETWEEN_METRICS = 30.0
REMEMBERED = 10_000
"""Quantiles are those of the last so many rows, so that memory does not grow with the cohort."""
STATUS = {"done": "FINISHED", "interrupted": "FAILED", "cancelled": "KILLED"}


class TrackingListener:
    """Sums a run up every 30 seconds for the tracker: counts, rows per second, seconds and quality quantiles."""

    def __init__(self, tracker: Tracker, artifacts: Callable[[RunSummary], list[Path]]) -> None:
        self.tracker, self.artifacts = tracker, artifacts
        self._seen: dict[str, deque[float]] = {}
        self._last, self._ended, self._step = time.monotonic(), 0, 0
        self._counts: dict[str, float] = {}

    def on_event(self, event: RunEvent) -> None:
        """Remember; speak when 30 seconds have passed or a stage is over."""
        if event.kind == "unit" and event.outcome is not None:
            self._ended += 1
            values = {f"quality.{k}": v for k, v in event.outcome.metrics.items()}
            values["seconds"] = sum(event.outcome.seconds.get(p, 0.0) for p in ("read", "compute", "write"))
            for name, value in values.items():
                self._seen.setdefault(name, deque(maxlen=REMEMBERED)).append(value)
        self._counts = {f"{event.stage}.{state}": float(n) for state, n in event.counts.items()} or self._counts
        if time.monotonic() - self._last > SECONDS_BETWEEN_METRICS or event.kind == "stage_ended":
            self._speak()

    def on_end(self, summary: RunSummary) -> None:
        """The last numbers, the files, the status."""
        self._speak()
        for path in self.artifacts(summary):
            self.tracker.artifact(path)
        self.tracker.end(STATUS[summary.status])

    def _speak(self) -> None:
        elapsed = max(time.monotonic() - self._last, 1e-3)
        numbers = {**self._counts, "rows_per_s": self._ended / elapsed}
        for name, values in self._seen.items():
            finite = np.asarray(values)[np.isfinite(values)]
            if len(finite):
                numbers |= {f"{name}.p50": float(np.median(finite)), f"{name}.p95": float(np.quantile(finite, 0.95))}
        self.tracker.metrics(numbers, self._step)
        self._last, self._ended, self._step = time.monotonic(), 0, self._step + 1


class ReportListener:
    """Writes report.html once the run is over, complete or not."""

    def __init__(self, write: Callable[[RunSummary], Path]) -> None:
        self.write = write

    def on_event(self, event: RunEvent) -> None:
        """The report waits for the end."""

    def on_end(self, summary: RunSummary) -> None:
        """Write the page."""
        self.write(summary)
