"""`scanmill cohort`: build, show, check and join, for people and for programs."""

import json

import numpy as np
import pytest

from dicom_builder import classic_series, oblique, stored_values
from raw_scans import scanmill
from scanmill.cohort import Cohort


def test_a_cohort_is_built_and_says_what_comes_next(place):
    found = scanmill("cohort", "build", "scans", "--card", "phantom", "-o", "c.parquet", "--workers", "1")
    assert found.exit_code == 0
    assert "c.parquet: 4 rows, 4 files" in found.stdout
    assert "Next: scanmill run JOB.yaml --cohort c.parquet" in found.stdout
    assert Cohort.open(place / "cohort.parquet").table["row_key"].to_pylist()[0] == "p/parallel-full-0"


def test_json_is_all_there_is_on_standard_output(place):
    built = json.loads(
        scanmill("cohort", "build", "scans", "--card", "phantom", "-o", "j.parquet", "--workers", "1", "--json").stdout
    )
    assert built["n_rows"] == 4
    shown = json.loads(scanmill("cohort", "show", "j.parquet", "--json").stdout)
    assert shown["n_rows"] == 4
    assert shown["ranges"]["n_views"] == [24, 24]
    assert json.loads(scanmill("cohort", "check", "j.parquet", "--json").stdout) == []
    assert json.loads(scanmill("cohort", "show", "j.parquet", "--problems", "--json").stdout) == []


def test_show_lists_rows_and_obeys_where(place):
    found = scanmill("cohort", "show", "cohort.parquet", "--where", "row_key LIKE '%-2'")
    assert found.exit_code == 0
    assert "p/parallel-full-2" in found.stdout
    assert "p/parallel-full-1" not in found.stdout
    short = scanmill("cohort", "show", "cohort.parquet", "--rows", "3")
    assert "and 1 more row" in short.stdout


@pytest.mark.parametrize(
    "where",
    [
        "n_views < 0); DROP TABLE rows; --",
        "n_views > (SELECT count(*) FROM 'cohort.parquet')",
        "read_text('/etc/passwd') IS NOT NULL",
        "nviews > 3",
    ],
)
def test_sql_that_is_more_than_an_expression_is_refused(place, where):
    for words in (["cohort", "show", "cohort.parquet"], ["run", "job.yaml", "--cohort", "cohort.parquet"]):
        found = scanmill(*words, "--where", where)
        assert found.exit_code == 2
        assert found.stderr.startswith("SpecError: ")
        assert "Traceback" not in found.output
    assert not (place / "runs").exists()


def test_check_finds_what_changed_and_what_breaks_a_rule(place):
    assert "4 files: all in order" in scanmill("cohort", "check", "cohort.parquet").stdout
    (place / "rules.yaml").write_text("rules: [{name: many_views, sql: n_views >= 100}]\n")
    (place / "scans" / "parallel-full-1.npz").unlink()
    found = scanmill("cohort", "check", "cohort.parquet", "--rules", "rules.yaml", "-o", "deviations.parquet", "--json")
    assert found.exit_code == 3
    deviations = json.loads(found.stdout)
    assert sum(d["rule"] == "many_views" for d in deviations) == 4
    assert [d["row_key"] for d in deviations if d["rule"] != "many_views"] == ["p/parallel-full-1"]
    assert (place / "deviations.parquet").is_file()
    one = scanmill("cohort", "check", "cohort.parquet", "--where", "row_key LIKE '%-0'")
    assert one.exit_code == 0


def test_what_cannot_be_read_is_listed(place):
    broken = place / "scans" / "parallel-full-9.npz"
    broken.write_bytes((place / "scans" / "parallel-full-0.npz").read_bytes()[:900])
    found = scanmill("cohort", "build", "scans", "--card", "phantom", "-o", "c.parquet", "--workers", "1")
    assert found.exit_code == 0
    assert "1 problem; scanmill cohort show c.parquet --problems" in found.stdout
    listed = scanmill("cohort", "show", "c.parquet", "--problems")
    assert "parallel-full-9.npz" in listed.stdout
    assert "InputError" in listed.stdout


def test_a_folder_without_scans_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    found = scanmill("cohort", "build", "empty")
    assert found.exit_code == 0
    assert "no scan was found" in found.stdout
    assert "Next: scanmill run" not in found.stdout


def test_dicom_is_joined_by_patient_and_no_name_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def named(dataset, number):
        dataset.PatientID, dataset.PatientName = "PID-77", "Doe^Jane"

    grid = oblique((3, 6, 5))
    classic_series(tmp_path / "Doe_Jane", grid, stored_values(grid.shape), edit=named)
    built = scanmill("cohort", "build", ".", "--workers", "1")
    assert built.exit_code == 0, built.output
    assert "contain patients' identity" in built.stdout
    (tmp_path / "clinical.csv").write_text("PatientID,age\nPID-77,61\nPID-78,50\n")
    joined = scanmill("cohort", "join", "cohort.parquet", "clinical.csv", "--on", "PatientID", "-o", "joined.parquet")
    assert joined.exit_code == 0, joined.output
    assert "1 of 1 row found in clinical.csv" in joined.stdout
    shown = scanmill("cohort", "show", "joined.parquet")
    told = json.loads(scanmill("cohort", "show", "joined.parquet", "--where", "age = '61'", "--json").stdout)
    assert told["n_rows"] == 1
    for one in (built, joined, shown):
        assert "Jane" not in one.output
        assert "PID-77" not in one.output
    twice = scanmill("cohort", "join", "cohort.parquet", "clinical.csv", "--on", "NoColumn", "-o", "x.parquet")
    assert twice.exit_code == 2
    assert not (tmp_path / "x.parquet").exists()


def test_a_cohort_that_cannot_be_written_is_the_machines_fault(place, monkeypatch):
    import scanmill.cohort.parquet as parquet

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "/mnt/doe/cohort.parquet")

    monkeypatch.setattr(parquet.os, "fsync", full)
    found = scanmill("cohort", "build", "scans", "--card", "phantom", "-o", "full.parquet", "--workers", "1")
    assert found.exit_code == 4
    assert "the disk is full" in found.stderr
    assert "doe" not in found.output
    assert not (place / "full.parquet").exists()
    assert np.array_equal(Cohort.open(place / "cohort.parquet").table["n_views"].to_numpy(), [24] * 4)
