"""A machine that cannot: ResourceError, told before the start where it can be known; what was done stays done."""

from functools import partial

import numpy as np
import pytest

from raw_scans import scan_arrays, scanmill, write_job
from scanmill.engine.runs import Run, verify_run
from scanmill.errors import ResourceError


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch):
    class Deaf:
        def send(self, item):
            pass

    monkeypatch.setattr("scanmill.tracking.tracker._open_sender", lambda *args: Deaf())


def test_a_full_disk_fails_what_does_not_fit_and_keeps_the_rest(scans, build, run, mounted, monkeypatch, tmp_path):
    """Without the reserve that would pause the run: the big row cannot be written, the small ones are."""
    monkeypatch.setattr("scanmill.engine.runs.Run", partial(Run, reserve=0))
    big = scan_arrays(n_views=600, n_columns=1000, seed=2)
    big["counts"] = np.random.default_rng(2).uniform(200, 1e4, big["counts"].shape).astype(np.float32)
    np.savez(scans / "parallel-full-2.npz", **big)
    store = mounted("store", "size=1m")
    rows, summary = run(build(scans), stage={"breaker": {"window": 50, "fraction": 1.0}}, store=store.as_uri())
    assert summary.status == "done"
    assert {key: row["status"] for key, row in rows.items() if row["status"] != "done"} == {
        "p/parallel-full-2": "quarantined"
    }
    bad = rows["p/parallel-full-2"]
    assert bad["error_class"] == "ResourceError"
    assert "full" in bad["error"] or "No space" in bad["error"]
    assert verify_run(summary.folder).sound


def test_a_disk_below_the_reserve_is_told_and_nothing_is_lost(scans, build, run, mounted, monkeypatch):
    """The reserve pauses the run; the pause ends when somebody makes room (here: the reserve is lowered)."""
    store = mounted("store", "size=8m")
    filler = store / "filler"
    filler.write_bytes(b"0" * (4 << 20))
    monkeypatch.setattr("scanmill.engine.runs.Run", partial(Run, reserve=6 << 20))
    monkeypatch.setattr("scanmill.engine.driver.SECONDS_BETWEEN_DISK_CHECKS", 0.2)
    heard = []

    class Helper:
        def on_event(self, event):
            if event.kind == "note" and event.payload.get("kind") in {"paused", "unpaused"}:
                heard.append(event.payload["kind"])
                filler.unlink(missing_ok=True)

        def on_end(self, summary):
            pass

    rows, summary = run(build(scans), store=store.as_uri(), listeners=[Helper()])
    assert heard == ["paused", "unpaused"]
    assert summary.status == "done"
    assert [row["status"] for row in rows.values()] == ["done"] * 4


def test_no_room_for_the_run_folder_itself(scans, build, mounted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build(scans)
    write_job(tmp_path / "job.yaml")
    tiny = mounted("tiny", "size=16k")
    found = scanmill("run", "job.yaml", "--cohort", "cohort.parquet", "--workers", "0", "--out", tiny)
    assert found.exit_code == 4, found.output
    assert "ResourceError" in found.stderr
    assert "Traceback" not in found.output


@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry run", "run"])
def test_an_output_that_may_only_be_read(scans, build, mounted, tmp_path, monkeypatch, dry):
    monkeypatch.chdir(tmp_path)
    build(scans)
    write_job(tmp_path / "job.yaml")
    shut = mounted("shut", "ro,size=1m")
    found = scanmill("run", "job.yaml", "--cohort", "cohort.parquet", "--workers", "0", "--out", shut, *dry)
    assert found.exit_code == 4, found.output
    assert "cannot be written" in found.output or "read-only" in found.output.lower()
    assert "Traceback" not in found.output
    built = scanmill("cohort", "build", scans, "--card", "phantom", "-o", shut / "c.parquet", "--workers", "1")
    assert built.exit_code == 4
    assert "ResourceError" in built.stderr


def test_a_reconstruction_too_large_for_memory(scans, build, run):
    """Nothing is allocated: the request is known to be too large, and the message says of what."""
    steps = ["ct.prepare", {"ct.reconstruct": {"method": "fbp", "size": [1000, 65_536, 65_536]}}, "save"]
    rows, _ = run(build(scans), steps, stage={"attempts": 1})
    assert {row["error_class"] for row in rows.values()} <= {"ResourceError", "InputError"}
    assert {row["status"] for row in rows.values()} <= {"failed", "quarantined"}


def test_a_step_that_runs_out_of_memory_is_tried_again_and_then_put_aside(
    scans, build, run, assert_only_bad, monkeypatch
):
    from scanmill.steps import ct_prepare

    whole = ct_prepare.STEP.run

    def greedy(inputs, params, ctx):
        if inputs["scan"].array.shape[-1] == 40:
            raise MemoryError
        return whole(inputs, params, ctx)

    np.savez(scans / "parallel-full-1.npz", **scan_arrays(n_columns=40, seed=1))
    object.__setattr__(ct_prepare.STEP, "run", greedy)
    try:
        rows, _ = run(build(scans))
    finally:
        object.__setattr__(ct_prepare.STEP, "run", whole)
    assert_only_bad(rows, "p/parallel-full-1", "ResourceError", status="quarantined", says="out of memory")
    assert rows["p/parallel-full-1"]["attempts"] >= 3


def test_a_store_that_is_away(scans, build, run, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ResourceError):
        run(build(scans), out=tmp_path / "file")
