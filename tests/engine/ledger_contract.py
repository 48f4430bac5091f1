"""What every database must do as a ledger; `test_ledger.py` runs it on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanmill.engine.ledger import Epoch, Ledger
from scanmill.engine.messages import Record
from scanmill.engine.outcome import Artifact, Outcome
from scanmill.engine.unit import Unit
from scanmill.errors import ResourceError, ScanmillError, SpecError

DONE = Outcome(
    artifacts=(Artifact("image", "artifacts/ab/u/1/image.nii.gz", "nifti", 123, "5a" * 32, "6b" * 32),),
    metrics={"psnr_db": 31.5, "ssim": float("nan"), "edge_mm": float("inf")},
    seconds={"read": 0.5, "ct.reconstruct": 2.0},
    warnings=("5 views missing",),
    reuse_key="7c" * 32,
    device="node/cuda:0",
    node="node",
    extra={"note": ["a", 1]},
)
AWAY = Outcome("ResourceError", "storage is away", retryable=True)


def units(count: int, stage: str = "main") -> list[Unit]:
    return [Unit(f"{stage}-{number:06d}", stage, "rows", (f"row {number}", "ü")) for number in range(count)]


def leased(unit_id: str, attempt: int = 1, *, started: bool = False) -> Record:
    return Record(unit_id, "leased", attempt, "w1", "node/cuda:0", started=started)


def ended(unit_id: str, state: str, outcome: Outcome, attempt: int = 1, charges: int = 1) -> Record:
    return Record(unit_id, state, attempt, "w1", "node/cuda:0", outcome, charges=charges)


class LedgerContract:
    """Inherit it and give a fixture ``address``: where an empty ledger can be opened."""

    @pytest.fixture
    def ledger(self, address: str) -> Iterator[Ledger]:
        with Ledger.open(address) as ledger:
            ledger.create_run("run-1", "a job", "name: a job\n", "abc")
            yield ledger

    @pytest.fixture
    def epoch(self, ledger: Ledger) -> Iterator[Epoch]:
        with ledger.begin("run-1") as epoch:
            yield epoch

    # --- runs

    def test_a_run_is_remembered(self, ledger, address):
        with Ledger.open(address) as again:
            run = again.run("run-1")
        assert (run.name, run.spec_yaml, run.cohort_digest, run.epoch) == ("a job", "name: a job\n", "abc", 0)
        assert abs(run.created_at - time.time()) < 600
        assert [one.run_id for one in ledger.runs()] == ["run-1"]

    def test_entering_the_same_run_again_does_nothing_and_another_one_is_refused(self, ledger):
        ledger.create_run("run-1", "a job", "name: a job\n", "abc")
        with pytest.raises(SpecError, match="another run of this id"):
            ledger.create_run("run-1", "a job", "name: a job\n", "other cohort")

    def test_an_unknown_run_is_named(self, ledger):
        for call in (ledger.run, ledger.counts, ledger.begin, ledger.events, lambda run: list(ledger.units(run))):
            with pytest.raises(SpecError, match="nobody"):
                call("nobody")

    def test_two_runs_do_not_mix(self, ledger, epoch):
        ledger.create_run("run-2", "b", "", "")
        with ledger.begin("run-2") as other:
            ledger.add_units(epoch, units(3))
            ledger.add_units(other, units(5))
            ledger.apply(other, [ended("main-000000", "done", DONE)], 1.0)
        assert ledger.counts("run-1")["done"] == 0
        assert sum(ledger.counts("run-2").values()) == 5
        assert ledger.events("run-1") == []

    # --- units

    def test_units_come_back_as_they_went_in(self, ledger, epoch):
        ledger.add_units(epoch, units(3))
        found = list(ledger.units("run-1"))
        assert [one.unit_id for one in found] == ["main-000000", "main-000001", "main-000002"]
        assert found[1].row_keys == ("row 1", "ü")
        assert (found[1].stage, found[1].kind, found[1].state, found[1].tries) == ("main", "rows", "waiting", 0)
        assert found[1].outcome is None

    def test_adding_again_changes_nothing(self, ledger, epoch):
        ledger.add_units(epoch, units(2))
        ledger.apply(epoch, [ended("main-000001", "done", DONE)], 1.0)
        ledger.add_units(epoch, units(4))
        assert ledger.counts("run-1") == {
            "waiting": 3,
            "leased": 0,
            "done": 1,
            "failed": 0,
            "quarantined": 0,
            "cancelled": 0,
        }

    def test_a_retired_unit_is_no_longer_in_the_plan_and_its_attempts_stay(self, ledger, epoch):
        ledger.add_units(epoch, [*units(3), *units(1, "mean")])
        ledger.apply(epoch, [leased("main-000001"), ended("main-000001", "done", DONE)], 1.0)
        assert ledger.retire(epoch, ["main-000001", "nowhere"]) == 2
        assert [one.unit_id for one in ledger.units("run-1", "main")] == ["main-000000", "main-000002"]
        assert sum(ledger.counts("run-1").values()) == 3
        assert [one.state for one in ledger.attempts("run-1")] == ["done"]
        assert ledger.events("run-1")[-1].kind == "retired"

    def test_no_units_and_no_records_are_fine(self, ledger, epoch):
        ledger.add_units(epoch, [])
        ledger.apply(epoch, [], 1.0)
        assert sum(ledger.counts("run-1").values()) == 0

    def test_units_by_stage_and_state(self, ledger, epoch):
        ledger.add_units(epoch, [*units(3), *units(2, "mean")])
        ledger.apply(epoch, [ended("mean-000001", "failed", AWAY)], 1.0)
        assert len(list(ledger.units("run-1", "main"))) == 3
        assert [one.unit_id for one in ledger.units("run-1", "mean", "waiting")] == ["mean-000000"]
        assert [one.unit_id for one in ledger.units("run-1", state="failed")] == ["mean-000001"]
        assert ledger.counts("run-1", "mean")["waiting"] == 1
        assert ledger.stages("run-1") == ["main", "mean"]
        assert ledger.unit("run-1", "mean-000001").state == "failed"
        assert ledger.unit("run-1", "mean-000009") is None

    def test_streaming_goes_over_many_pages(self, ledger, epoch, monkeypatch):
        monkeypatch.setattr("scanmill.engine.ledger.reading.PAGE", 7)
        ledger.add_units(epoch, units(50))
        assert [one.unit_id for one in ledger.units("run-1")] == [one.unit_id for one in units(50)]
        assert len(list(ledger.units("run-1", "main", "waiting", outcomes=False))) == 50

    def test_a_stream_may_be_left_in_the_middle_and_written_beside(self, ledger, epoch, monkeypatch):
        monkeypatch.setattr("scanmill.engine.ledger.reading.PAGE", 2)
        ledger.add_units(epoch, units(6))
        stream = ledger.units("run-1")
        next(stream)
        ledger.apply(epoch, [ended("main-000005", "done", DONE)], 1.0)
        assert [one.state for one in stream][-1] == "done"
        next(ledger.units("run-1"))

    # --- what happens to them

    def test_a_unit_that_is_done_keeps_everything_of_its_outcome(self, ledger, epoch):
        ledger.add_units(epoch, units(1))
        ledger.apply(epoch, [leased("main-000000")], 10.0)
        ledger.apply(epoch, [leased("main-000000", started=True)], 11.0)
        ledger.apply(epoch, [ended("main-000000", "done", DONE)], 12.0)
        unit = ledger.unit("run-1", "main-000000")
        assert (unit.state, unit.attempts, unit.tries, unit.device) == ("done", 1, 1, "node/cuda:0")
        assert unit.outcome.artifacts == DONE.artifacts
        assert repr(unit.outcome.metrics) == repr(DONE.metrics)
        assert (unit.outcome.seconds, unit.outcome.warnings) == (DONE.seconds, DONE.warnings)
        assert (unit.outcome.reuse_key, unit.outcome.extra) == (DONE.reuse_key, {"note": ["a", 1]})
        attempt = ledger.attempts("run-1", "main-000000")[0]
        assert (attempt.leased_at, attempt.started_at, attempt.ended_at) == (10.0, 11.0, 12.0)
        assert (attempt.state, attempt.charged, attempt.worker) == ("done", True, "w1")

    def test_all_of_it_in_one_batch_is_the_same(self, ledger, epoch):
        ledger.add_units(epoch, units(1))
        one = "main-000000"
        batch = [
            leased(one),
            leased(one, started=True),
            ended(one, "waiting", AWAY),
            leased(one, 2),
            leased(one, 2, started=True),
            ended(one, "done", DONE, 2, charges=2),
        ]
        ledger.apply(epoch, batch, 5.0)
        unit = ledger.unit("run-1", one)
        assert (unit.state, unit.attempts, unit.tries) == ("done", 2, 2)
        assert [(a.attempt, a.state, a.error_class) for a in ledger.attempts("run-1")] == [
            (1, "waiting", "ResourceError"),
            (2, "done", ""),
        ]
        assert [event.payload["state"] for event in ledger.events("run-1")] == [one.state for one in batch]

    def test_a_unit_that_waits_again_says_why_and_a_refund_counts(self, ledger, epoch):
        ledger.add_units(epoch, units(1))
        ledger.apply(epoch, [leased("main-000000"), ended("main-000000", "waiting", AWAY)], 1.0)
        assert ledger.unit("run-1", "main-000000").outcome == AWAY
        ledger.apply(epoch, [Record("main-000000", "waiting", 1, charged=False, charges=0, why="device")], 2.0)
        unit = ledger.unit("run-1", "main-000000")
        assert (unit.attempts, unit.tries, unit.outcome) == (0, 1, AWAY)

    def test_a_batch_with_an_unknown_unit_is_refused_as_a_whole(self, ledger, epoch):
        ledger.add_units(epoch, units(1))
        with pytest.raises(SpecError, match="does not know"):
            ledger.apply(epoch, [ended("main-000000", "done", DONE), ended("unheard-of", "done", DONE)], 1.0)
        assert ledger.counts("run-1")["done"] == 0
        assert ledger.events("run-1") == []

    def test_after_a_crash_units_wait_again_and_those_that_had_started_are_suspects(self, ledger, epoch):
        ledger.add_units(epoch, units(4))
        records = [leased("main-000000"), leased("main-000001"), leased("main-000001", started=True)]
        ledger.apply(epoch, [*records, ended("main-000003", "done", DONE)], 1.0)
        epoch.release()
        with ledger.begin("run-1") as next_one:
            assert ledger.reset_leased(next_one) == 2
            assert ledger.reset_leased(next_one) == 0
        suspects = {one.unit_id: (one.state, one.suspect) for one in ledger.units("run-1")}
        assert suspects == {
            "main-000000": ("waiting", False),
            "main-000001": ("waiting", True),
            "main-000002": ("waiting", False),
            "main-000003": ("done", False),
        }

    # --- events and requests

    def test_events_are_read_on_from_where_one_was(self, ledger, epoch):
        ledger.add_units(epoch, units(2))
        ledger.note(epoch, "worker_up", {"worker": "w1"}, at=3.0)
        ledger.apply(epoch, [leased("main-000000"), leased("main-000001")], 4.0)
        first = ledger.events("run-1", limit=2)
        assert [(one.kind, one.at) for one in first] == [("worker_up", 3.0), ("unit", 4.0)]
        rest = ledger.events("run-1", after_seq=first[-1].seq)
        assert [one.unit_id for one in rest] == ["main-000001"]
        assert rest[0].payload == {"state": "leased", "attempt": 1, "worker": "w1", "device": "node/cuda:0"}

    def test_a_request_of_another_process_is_taken_once(self, ledger, epoch, address):
        with Ledger.open(address) as elsewhere:
            elsewhere.request("run-1", "cancel", ["main-000001"])
            elsewhere.request("run-1", "pause")
        taken = ledger.take_requests(epoch)
        assert [(one.what, one.unit_ids) for one in taken] == [("cancel", ("main-000001",)), ("pause", ())]
        assert ledger.take_requests(epoch) == []

    # --- one driver at a time

    def test_a_second_driver_is_refused_while_the_first_lives(self, ledger, epoch, address):
        with Ledger.open(address) as elsewhere:
            assert elsewhere.driver_lives("run-1")
            with pytest.raises(ResourceError, match="another driver"):
                elsewhere.begin("run-1", wait_s=0.0)
            epoch.release()
            assert not elsewhere.driver_lives("run-1")
            with elsewhere.begin("run-1") as second:
                assert second.number == epoch.number + 1

    def test_an_epoch_that_is_over_writes_nothing(self, ledger, epoch):
        epoch.release()
        epoch.release()
        with pytest.raises(ResourceError, match="given the run up"):
            ledger.add_units(epoch, units(1))

    def test_a_driver_that_was_overtaken_writes_nothing(self, ledger, address):
        stale = ledger.begin("run-1")
        ledger.add_units(stale, units(2))
        stale._lock.release()  # as when the server has lost the connection that held it
        with Ledger.open(address) as elsewhere, elsewhere.begin("run-1") as fresh:
            for write in (
                lambda: ledger.apply(stale, [ended("main-000000", "done", DONE)], 1.0),
                lambda: ledger.add_units(stale, units(3)),
                lambda: ledger.note(stale, "word", {}),
                lambda: ledger.reset_leased(stale),
            ):
                with pytest.raises(ResourceError, match="taken over"):
                    write()
            elsewhere.apply(fresh, [ended("main-000001", "done", DONE)], 1.0)
        assert ledger.counts("run-1")["done"] == 1
        assert ledger.counts("run-1")["waiting"] == 1

    def test_a_killed_driver_loses_nothing_that_was_applied_and_lets_the_next_one_in(self, ledger, address):
        with self.driver(address, "os.write(1, b'ready'); time.sleep(60)") as child:
            try:
                assert child.stdout.read(5) == b"ready"
                with pytest.raises(ResourceError, match="another driver"):
                    ledger.begin("run-1", wait_s=0.2)
            finally:
                child.kill()
        started = time.monotonic()
        with ledger.begin("run-1", wait_s=10) as epoch:
            assert epoch.number == 2
            assert time.monotonic() - started < 5
            assert ledger.reset_leased(epoch) == 2
        assert ledger.counts("run-1")["done"] == 3
        assert ledger.counts("run-1")["waiting"] == 7

    def test_a_killed_drivers_forked_children_do_not_keep_its_lock(self, ledger, address):
        fork = "pid = os.fork() or time.sleep(20) or os._exit(0); os.write(1, b'%09d' % pid); time.sleep(60)"
        with self.driver(address, fork) as child:
            orphan = int(child.stdout.read(9))
            child.kill()
        try:
            with ledger.begin("run-1", wait_s=5):
                pass
        finally:
            os.kill(orphan, signal.SIGKILL)

    @staticmethod
    def driver(address: str, then: str) -> subprocess.Popen[bytes]:
        script = f"""
            import os, sys, time, warnings
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from ledger_contract import DONE, Ledger, ended, leased, units
            ledger = Ledger.open({address!r})
            epoch = ledger.begin("run-1")
            ledger.add_units(epoch, units(10))
            ledger.apply(epoch, [ended(f"main-{{n:06d}}", "done", DONE) for n in range(3)], 1.0)
            ledger.apply(epoch, [leased("main-000005"), leased("main-000006", started=True)], 1.0)
            {then}
        """
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)

    def test_requests_and_reading_go_on_while_the_driver_writes(self, ledger, epoch, address):
        ledger.add_units(epoch, units(200))
        faults: list[BaseException] = []

        def outside() -> None:
            try:
                with Ledger.open(address) as elsewhere:
                    for _ in range(20):
                        elsewhere.request("run-1", "pause")
                        assert sum(elsewhere.counts("run-1").values()) == 200
            except (AssertionError, ScanmillError) as fault:
                faults.append(fault)

        thread = threading.Thread(target=outside)
        thread.start()
        for number in range(100):
            ledger.apply(epoch, [ended(f"main-{number:06d}", "done", DONE)], 1.0)
        thread.join()
        assert not faults
        assert len(ledger.take_requests(epoch)) == 20
        assert ledger.counts("run-1")["done"] == 100
