"""The driver's own affairs: signals, a full disk, pauses, progress."""

import os
import signal
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scanmill.engine.in_process import InProcess
from scanmill.engine.ledger import Ledger
from scanmill.engine.runs import resume_run, start_run
from scanmill.engine.spec import JobSpec
from scanmill.storage.local_store import LocalStore

SLOW = {"name": "main", "steps": ["t.read", {"t.fault": {"seconds": 0.1}}, "t.save"]}


class When:
    """A listener that does something once, at the first event that fits."""

    def __init__(self, fits, act):
        self.fits, self.act, self.kinds = fits, act, []

    def on_event(self, event):
        self.kinds.append(event.payload.get("kind", event.kind))
        if self.act is not None and self.fits(event):
            act, self.act = self.act, None
            act()

    def on_end(self, summary):
        self.summary = summary


def start(cohort, out, listener, workers=2):
    job = JobSpec.from_mapping({"name": "driven", "stages": [SLOW]})
    return start_run(job, cohort, out=out, performer=InProcess(workers), listeners=[listener])


def test_sigterm_lets_units_in_hand_end_and_resume_does_the_rest(make_cohort, tmp_path):
    listener = When(lambda event: event.kind == "unit", lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    summary = start(make_cohort(40), tmp_path, listener)
    assert signal.getsignal(signal.SIGTERM) == before
    counts = summary.counts["main"]
    assert summary.status == "interrupted"
    assert summary.results == ""
    assert 0 < counts["done"] < 40
    assert counts["leased"] == 0
    statuses = pq.read_table(Path(summary.folder) / "stages/main/results.parquet")["status"].to_pylist()
    assert len(statuses) == 40
    assert set(statuses) == {"done", "waiting"}
    again = resume_run(summary.folder, performer=InProcess(4))
    assert again.status == "done"
    rows = pq.read_table(Path(again.folder) / "results.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["done"] * 40
    assert max(row["attempts"] for row in rows) == 1


def test_a_full_disk_pauses_before_anything_fails_and_space_lets_it_go_on(make_cohort, tmp_path, monkeypatch):
    free = {"bytes": 1}
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: free["bytes"])
    monkeypatch.setattr("scanmill.engine.driver.SECONDS_BETWEEN_DISK_CHECKS", 0.1)

    def tidy_up():
        threading.Timer(0.5, lambda: free.update(bytes=2**50)).start()

    listener = When(lambda event: event.payload.get("kind") == "paused", tidy_up)
    summary = start(make_cohort(4), tmp_path, listener)
    assert summary.counts["main"]["done"] == 4
    assert listener.kinds.index("paused") < listener.kinds.index("unpaused")


def test_somebody_may_pause_and_unpause(make_cohort, tmp_path, monkeypatch):
    monkeypatch.setattr("scanmill.engine.driver.SECONDS_BETWEEN_REQUESTS", 0.05)

    def ask(word):
        (path,) = tmp_path.glob("*/ledger.sqlite")
        with Ledger.open(path) as ledger:
            ledger.request(path.parent.name, word)

    def pause():
        ask("pause")
        threading.Timer(1.0, ask, ["unpause"]).start()

    listener = When(lambda event: event.kind == "unit", pause)
    started = time.monotonic()
    assert start(make_cohort(12), tmp_path, listener).status == "done"
    assert time.monotonic() - started > 1.0
    assert "paused" in listener.kinds
    assert "progress" not in listener.kinds


def test_two_drivers_do_not_drive_one_run(make_cohort, tmp_path):
    from scanmill.errors import ResourceError

    caught = []

    def second():
        (path,) = tmp_path.glob("*/ledger.sqlite")
        try:
            resume_run(path.parent, performer=InProcess(1))
        except ResourceError as error:
            caught.append(str(error))

    listener = When(lambda event: event.kind == "unit", second)
    assert start(make_cohort(6), tmp_path, listener).status == "done"
    assert "another driver" in caught[0]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_hanging_row_is_timed_out_and_its_neighbours_are_not_charged(make_cohort, tmp_path, workers):
    stage = {**SLOW, "timeout_s": {"compute": 0.6}, "attempts": 2}
    job = JobSpec.from_mapping({"name": "hanging", "stages": [stage]})
    summary = start_run(job, make_cohort(8, {2: "hang"}), out=tmp_path, performer=InProcess(workers))
    rows = pq.read_table(Path(summary.folder) / "results.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["done"] * 2 + ["quarantined"] + ["done"] * 5
    assert rows[2]["error_class"] == "Timeout"
    assert "compute took longer than 0.6 s" in rows[2]["error"]
