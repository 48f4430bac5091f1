"""Tracking and report, wired to the engine: MLflow hears a run's numbers, the page is written at its end."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

import numpy as np
import yaml

from scanmill.engine.events import RunEvent, RunSummary
from scanmill.engine.run_folder import JOB, RunFolder
from scanmill.report import write_report
from scanmill.tracking import Tracker

SECONDS_BETWEEN_METRICS = 30.0
REMEMBERED = 10_000
"""Quantiles are those of the last so many rows, so that memory does not grow with the cohort."""
ARTIFACTS = ("results.parquet", "report.html", "montage.png", "job.yaml")
STATUS = {"done": "FINISHED", "interrupted": "FAILED", "cancelled": "KILLED"}


class TrackingListener:
    """Sums a run up every 30 seconds for the tracker: counts, rows per second, seconds and quality quantiles."""

    def __init__(self, tracker: Tracker, folder: str) -> None:
        self.tracker, self.folder = tracker, folder
        self._seen: dict[str, deque[float]] = {}
        self._last, self._ended, self._step = time.monotonic(), 0, 0
        self._counts: dict[str, float] = {}

    def on_event(self, event: RunEvent) -> None:
        """Remember; speak when 30 seconds have passed or a stage is over."""
        if event.kind == "run_started":
            self._begin()
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
        for name in ARTIFACTS:
            self.tracker.artifact(Path(summary.folder, name).resolve())
        self.tracker.end(STATUS[summary.status])

    def _begin(self) -> None:
        """The resolved job as parameters, the cohort's digest as the input."""
        folder = RunFolder.open(self.folder)
        facts = folder.facts()
        job = yaml.safe_load((folder.path / JOB).read_text("utf-8"))
        tags = {"scanmill_version": str(facts["scanmill"]["version"]), "rows": str(facts["cohort"]["rows"])}
        self.tracker.start(facts["run_id"], job, tags, facts["cohort"]["digest"])

    def _speak(self) -> None:
        elapsed = max(time.monotonic() - self._last, 1e-3)
        numbers = {**self._counts, "rows_per_s": self._ended / elapsed}
        for name, values in self._seen.items():
            finite = np.asarray(values)[np.isfinite(values)]
            if len(finite):
                numbers |= {f"{name}.p50": float(np.median(finite)), f"{name}.p95": float(np.quantile(finite, 0.95))}
        self.tracker.metrics(numbers, self._step)
        self._last, self._ended, self._step = time.monotonic(), 0, self._step + 1


def tracking_listener(folder: str, experiment: str) -> TrackingListener:
    """Tracking for the run in ``folder``: to MLFLOW_TRACKING_URI, else to a database beside the run folders."""
    home = Path(folder).parent.resolve() if "://" not in folder else Path("runs").resolve()
    home.mkdir(parents=True, exist_ok=True)
    run_id = folder.rstrip("/").rpartition("/")[2]
    tracker = Tracker(home / run_id / "tracking", run_id, experiment=experiment, **tracking_place(home))
    return TrackingListener(tracker, folder)


def tracking_place(home: Path) -> dict[str, str]:
    """MLFLOW_TRACKING_URI, else a database in the folder ``home``."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return {"tracking_uri": uri}
    return {"tracking_uri": f"sqlite:///{home}/mlflow.db", "artifact_root": (home / "mlflow-artifacts").as_uri()}


class ReportListener:
    """Writes report.html and montage.png once the run is over, complete or not."""

    def on_event(self, event: RunEvent) -> None:
        """The report waits for the end."""

    def on_end(self, summary: RunSummary) -> None:
        """Write both into the run's folder."""
        folder = RunFolder.open(summary.folder)
        told = {"status": summary.status, "seconds": summary.seconds, "drained": dict(summary.drained)}
        written = write_report(folder.path, folder.store.get_bytes, told)
        folder.publish(*(path.name for path in written))
