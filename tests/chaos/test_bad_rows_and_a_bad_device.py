"""200 rows: 3 raise, 1 kills its worker, 1 hangs, one output cannot be written; one device of four fails everything."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scanmill.engine.runs import show_run, start_run, verify_run
from scanmill.engine.spec import JobSpec

HANG_LIMIT_S = 10.0


def faults_of(n, seed):
    rows = random.Random(seed).sample(range(n), 6)
    return dict(zip(rows, ("raise", "raise", "raise", "kill", "hang", "no_output"), strict=True))


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("n", [60, pytest.param(200, marks=pytest.mark.long)])
def test_only_the_bad_rows_suffer_and_the_bad_device_is_named(ray_session, make_cohort, tmp_path, n):
    faults = faults_of(n, seed=1)
    cohort = make_cohort(n, faults)
    stage = {
        "name": "main",
        "steps": ["t.read", "t.scale", {"t.fault": {"bad_device": "/cpu:2", "seconds": 0.02}}, "t.save"],
        "attempts": 2,
        "timeout_s": {"compute": HANG_LIMIT_S},
    }
    summary = start_run(JobSpec.from_mapping({"name": "chaos", "stages": [stage]}), cohort, out=tmp_path, workers=4)
    counts = summary.counts["main"]
    assert sum(counts.values()) == n
    rows = pq.read_table(Path(summary.folder) / "results.parquet").to_pylist()
    assert [row["row_key"] for row in rows] == cohort.table["row_key"].to_pylist()
    bad = {row["row_key"]: row for row in rows if row["status"] != "done"}
    assert set(bad) == {f"r{i:04d}" for i in faults}
    reasons = {"raise": "ValueError", "kill": "WorkerDied", "hang": "Timeout", "no_output": "IsADirectoryError"}
    for i, fault in faults.items():
        row = bad[f"r{i:04d}"]
        assert (row["status"], row["error_class"]) == ("quarantined", reasons[fault])
        assert row["error"]
    assert [device.partition("/")[2] for device in summary.drained] == ["cpu:2"]
    assert "device_drained" in {note["kind"] for note in show_run(summary.folder).notes}
    assert not any(row["device"].endswith("/cpu:2") for row in rows if row["status"] == "done")
    assert verify_run(summary.folder).sound
