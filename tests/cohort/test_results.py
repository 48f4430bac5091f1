"""Exactly one row per row of the cohort, whatever became of it; results open as the next stage's cohort."""

import hashlib
import random
import tracemalloc

import numpy as np
import pyarrow.parquet as pq
import pytest

from cohort.samples import rows
from scanmill.cohort import Cohort, parquet, results, spool
from scanmill.cohort.results import results_as_cohort, write_results
from scanmill.errors import SpecError


def output(name, kind="nifti"):
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {"uri": f"artifacts/ab/{name}", "sha256": digest, "digest": "v" + name, "bytes": 7, "kind": kind}


def done(key, **more):
    return {"row_key": key, "status": "done", "attempts": 1, "warnings": [], "stage": "s", "digest": "k" + key, **more}


def write(path, n=4):
    records = [
        done("a2", **{"output.image": output("a2.nii"), "metric.psnr": np.float32(30.5), "seconds.ct.prepare": 0.25}),
        {"row_key": "a0", "status": "failed", "attempts": 1, "error_class": "InputError", "error": "NaN in view 3"},
        done("a1", **{"output.image": [output("d/1.dcm", "dicom"), output("d/2.dcm", "dicom")], "metric.psnr": 20.0}),
    ]
    return write_results(path, rows(n, KVP=[80.0] * n), iter(records))


def test_every_row_stands_once_in_the_order_of_the_cohort(tmp_path):
    assert write(tmp_path / "results.parquet") == 2
    table = pq.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["row_key"] for row in table] == ["a0", "a1", "a2", "a3"]
    assert [row["status"] for row in table] == ["failed", "done", "done", "waiting"]
    assert [row["metric.psnr"] for row in table] == [None, 20.0, 30.5, None]
    assert table[0]["output.image"] is None
    assert table[0]["error"] == "NaN in view 3"
    assert table[1]["output.image"]["uri"] == "artifacts/ab/d"
    assert table[1]["output.image"]["bytes"] == 14
    assert table[2]["output.image"] == output("a2.nii")
    assert table[2]["seconds.ct.prepare"] == 0.25
    assert table[3]["attempts"] == 0
    assert all(row["KVP"] == 80.0 for row in table)


def test_results_are_the_cohort_of_the_next_stage(tmp_path):
    write(tmp_path / "results.parquet")
    cohort = results_as_cohort(tmp_path / "results.parquet", "/runs/r1")
    assert cohort.table["row_key"].to_pylist() == ["a1", "a2"]
    assert [file["role"] for file in cohort.files_of("a1")] == ["image", "image"]
    assert [cohort.uri(file) for file in cohort.files_of("a2")] == ["/runs/r1/artifacts/ab/a2.nii"]
    assert cohort.files_of("a2")[0]["reader"] == "nifti"
    assert cohort.row("a1")["n_files"] == 2
    assert cohort.row("a1")["content_digest"] == results.content_digest(
        file["sha256"] for file in cohort.files_of("a1")
    )
    assert cohort.select("metric.psnr > 25").table["row_key"].to_pylist() == ["a2"]
    assert not [name for name in cohort.table.column_names if name.startswith(("output.", "seconds.", "status"))]
    everything = results_as_cohort(tmp_path / "results.parquet", "/runs/r1", only_done=False)
    assert len(everything) == 4
    assert everything.row("a0")["n_files"] == 0
    cohort.write(tmp_path / "next.parquet")
    assert Cohort.open(tmp_path / "next.parquet").digest == cohort.digest
    again = [done("a1", **{"metric.psnr": 1.0, "metric.ssim": 0.5}), done("a2")]
    write_results(tmp_path / "second.parquet", cohort.table, again)
    second = pq.read_table(tmp_path / "second.parquet").to_pylist()
    assert [row["metric.psnr"] for row in second] == [1.0, None]


def test_equal_results_are_equal_bytes_whatever_the_order_of_records(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "BUFFERED", 7)
    monkeypatch.setattr(parquet, "ROW_GROUP", 10)
    table = rows(64)
    records = [done(f"a{i}", **{"metric.x": float(i), "output.o": output(f"{i}")}) for i in range(64)]
    write_results(tmp_path / "x.parquet", table, records)
    random.Random(1).shuffle(records)
    write_results(tmp_path / "y.parquet", table, records)
    for name in ("", ".files"):
        assert (tmp_path / f"x{name}.parquet").read_bytes() == (tmp_path / f"y{name}.parquet").read_bytes()
    assert pq.ParquetFile(tmp_path / "x.parquet").num_row_groups == 7
    assert pq.read_table(tmp_path / "y.parquet")["metric.x"].to_pylist() == [float(i) for i in range(64)]


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([done("a0"), done("a0")], "two results"),
        ([done("b0")], "no row of the cohort"),
        ([done("a0", colour="red")], "'colour'"),
        ([done("a0", **{"metric.x": "much"})], "another type"),
        ([{**done("a0"), "attempts": "one"}], "another type"),
    ],
)
def test_wrong_records_are_refused_and_nothing_is_written(tmp_path, records, reason):
    with pytest.raises(SpecError, match=reason):
        write_results(tmp_path / "r.parquet", rows(2), records)
    assert list(tmp_path.iterdir()) == []


def test_no_records_and_no_rows(tmp_path):
    assert write_results(tmp_path / "r.parquet", rows(2), []) == 0
    assert pq.read_table(tmp_path / "r.parquet")["status"].to_pylist() == ["waiting", "waiting"]
    assert len(results_as_cohort(tmp_path / "r.parquet", "/r")) == 0
    assert write_results(tmp_path / "none.parquet", rows(0), []) == 0
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


@pytest.mark.long
def test_a_million_rows_in_bounded_memory(tmp_path):
    n = 1_000_000
    table = rows(n)
    tracemalloc.start()
    write_results(tmp_path / "r.parquet", table, (done(f"a{i}", **{"metric.x": 1.0}) for i in range(n)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e9
    assert pq.ParquetFile(tmp_path / "r.parquet").metadata.num_rows == n
