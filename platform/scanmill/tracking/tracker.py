"""Tell MLflow about a job, without ever slowing or failing it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanmill.tracking.spool import Spool

if TYPE_CHECKING:
    from scanmill.tracking.sender import Sender

SECONDS_BETWEEN_TRIES = 30.0
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Telemetry off and short limits; what the user has set stays, but telemetry is off in any case."""


class Tracker:
    """One MLflow run for one job, found again by its tag ``scanmill_run_id``.

    Everything is first put into a spool in the run folder with its time stamp; a thread sends it on. While the server
    is away the spool grows and is replayed later: in this process, on resume, or by ``scanmill runs track RUN``.
    """

    def __init__(
        self, folder: Path, run_id: str, *, tracking_uri: str, experiment: str, artifact_root: str | None = None
    ) -> None:
        self.spool = Spool(folder / "spool.jsonl")
        self.problem = ""
        self._open = partial(_open_sender, run_id, tracking_uri, experiment, artifact_root)
        self._sender: Sender | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="scanmill-tracking", daemon=True)
        self._thread.start()

    def start(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str], cohort: str) -> None:
        """Begin the MLflow run, or find it again; ``cohort`` is the manifest's digest."""
        flat = {key: str(value)[:6000] for key, value in flatten(params).items()}
        self._put("start", name=name, params=flat, tags=dict(tags), cohort=cohort)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Numbers of this moment."""
        self._put("metrics", step=step, values={key: float(value) for key, value in values.items()})

    def artifact(self, path: Path, folder: str = "") -> None:
        """A file for the run's artifacts."""
        self._put("artifact", path=str(path), folder=folder)

    def end(self, status: str) -> None:
        """The job is over: ``FINISHED``, ``FAILED`` or ``KILLED``."""
        self._put("end", status=status)

    def close(self, timeout: float = 30.0) -> bool:
        """Wait a while for the spool to empty; False when something is left for later."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive() and self.spool.is_empty

    def _put(self, kind: str, **item: Any) -> None:
        self.spool.put({"kind": kind, "at": int(time.time() * 1000), **item})
        self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait(SECONDS_BETWEEN_TRIES)
            self._wake.clear()
            stopping = self._stop.is_set()
            self._send_all()
            if stopping:
                return

    def _send_all(self) -> None:
        try:
            self._sender = self._sender or self._open()
            for item, position in self.spool.unsent():
                self._sender.send(item)
                self.spool.mark_sent(position)
            self.problem = ""
        except Exception as error:  # noqa: BLE001  (whatever MLflow raises: it stays in the spool and the job goes on)
            self.problem = f"{type(error).__name__}: MLflow is away; the metrics wait in the run folder"


def _open_sender(run_id: str, tracking_uri: str, experiment: str, artifact_root: str | None) -> Sender:
    os.environ.update({name: os.environ.get(name, value) if "HTTP" in name else value for name, value in QUIET.items()})
    from scanmill.tracking.sender import Sender

    return Sender(run_id, tracking_uri, experiment, artifact_root)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings and lists as one level of dotted names.

    >>> flatten({"stage": {"steps": [{"use": "save"}], "cpus": 1}})
    {'stage.steps.0.use': 'save', 'stage.cpus': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, list | tuple):
            value = {str(i): item for i, item in enumerate(value)}
        flat.update(flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return flat
