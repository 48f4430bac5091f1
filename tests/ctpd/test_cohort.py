"""A cohort of CT-PD scans: one row a series or store, damaged ones failed with their reasons, nobody named."""

import pytest

from ctpd.writer import write_scan
from scanmill.cohort import Cohort
from scanmill.cohort.build import build_cohort
from scanmill.io.ctpd_scan import open_ctpd
from scanmill.io.ctpd_store import convert
from scanmill.phantoms.random_phantom import random_phantom
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.read import STEP, ReadParams

SMALL = {"n_rows": 4, "n_columns": 12, "views_per_turn": 16, "turns": 1.5}
PHANTOM = random_phantom(3, radius_mm=120.0)
GE = "GE MEDICAL SYSTEMS"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of this site")


def build(tmp_path):
    build_cohort([tmp_path / "scans"], out=tmp_path / "c.parquet", project="p", workers=1)
    return Cohort.open(tmp_path / "c.parquet")


def rows_of(cohort):
    return {row["Manufacturer"]: row for row in cohort.table.to_pylist()}


def test_each_series_is_a_row_wherever_its_files_lie(tmp_path):
    paths = write_scan(tmp_path / "scans", PHANTOM, series="1", patient="PID-77", **SMALL)
    write_scan(tmp_path / "scans" / "b", PHANTOM, series="2", vendor=GE, patient="PID-78", **SMALL)
    paths[3].rename(tmp_path / "scans" / "b" / "elsewhere")
    cohort = build(tmp_path)
    rows = rows_of(cohort)
    assert set(rows) == {"SIEMENS", GE}
    for row in rows.values():
        assert (row["n_files"], row["n_views"], row["n_rows"], row["n_columns"], row["beam"]) == (24, 24, 4, 12, "cone")
        assert row["angle_range_deg"] == pytest.approx(23 / 16 * 360, abs=1e-3)
        assert row["row_key"].startswith("p/series-")
        assert row["Modality"] == "CT"
    assert rows["SIEMENS"]["patient_key"] != rows[GE]["patient_key"]
    assert {(f["role"], f["reader"]) for f in cohort.files.to_pylist()} == {("scan", "ctpd")}
    assert cohort.problems.num_rows == 0
    assert b"PID-77" not in (tmp_path / "c.parquet").read_bytes()


def test_a_store_is_a_row_with_the_key_and_the_patient_of_its_series(tmp_path):
    from raw_scans import scanmill

    files = tmp_path / "files"
    write_scan(files, PHANTOM, patient="PID-77", **SMALL)
    assert scanmill("ct", "convert", files, "-o", tmp_path / "scans" / "one").exit_code == 0
    (row,) = build(tmp_path).table.to_pylist()
    (tmp_path / "scans").rename(tmp_path / "stores")
    files.rename(tmp_path / "scans")
    (other,) = build(tmp_path).table.to_pylist()
    for name in ("row_key", "patient_key", "n_views", "beam", "Manufacturer", "angle_start_deg"):
        assert row[name] == other[name], name
    assert (row["n_files"], other["n_files"]) == (2, 24)
    assert row["patient_key"]


def test_a_store_without_keys_is_known_by_its_place(tmp_path):
    paths = write_scan(tmp_path / "files", PHANTOM, **SMALL)
    (tmp_path / "scans").mkdir()
    convert(open_ctpd(paths), tmp_path / "scans" / "one")
    (row,) = build(tmp_path).table.to_pylist()
    assert (row["row_key"], row["patient_key"]) == ("p/one/projections", None)
    (tmp_path / "scans" / "one" / "views.parquet").write_bytes(b"nothing")
    cohort = build(tmp_path)
    assert len(cohort) == 0
    assert "CT-PD store" in cohort.problems.to_pylist()[0]["problem"]


def test_damaged_scans_are_rows_with_a_problem(tmp_path):
    write_scan(tmp_path / "scans" / "a", PHANTOM, series="1", missing=(5,), **SMALL)
    write_scan(tmp_path / "scans" / "b", PHANTOM, series="2", truncated=24, **SMALL)
    paths = write_scan(tmp_path / "scans" / "c", PHANTOM, series="3", **SMALL)
    data = paths[0].read_bytes()
    (paths[0].parent / "broken.dcm").write_bytes(data[:140] + b"\xff" * 200 + data[340:])
    cohort = build(tmp_path)
    assert len(cohort) == 3
    problems = " | ".join(problem["problem"] for problem in cohort.problems.to_pylist())
    for words in ("views are missing, by InstanceNumber", "the file is truncated (InstanceNumber 24)"):
        assert words in problems
    assert sum(row["n_views"] is not None for row in cohort.table.to_pylist()) == 1


def test_other_dicom_beside_it_stays_what_it_is(tmp_path):
    from dicom_builder import classic_series, oblique, stored_values

    write_scan(tmp_path / "scans" / "raw", PHANTOM, **SMALL)
    grid = oblique((3, 6, 5))
    classic_series(tmp_path / "scans" / "images", grid, stored_values(grid.shape))
    cohort = build(tmp_path)
    assert sorted(row["n_files"] for row in cohort.table.to_pylist()) == [3, 24]
    assert {f["reader"] for f in cohort.files.to_pylist()} == {"ctpd", "dicom"}


def read(row, files):
    context = Context((Row("p/one", row, tuple(files)),), None)
    return STEP.run({}, ReadParams(), context)


def test_read_gives_projections_and_the_scans_warnings(tmp_path):
    paths = write_scan(tmp_path / "files", PHANTOM, patient_position="FFS", **SMALL)
    from_files = read({}, [InputFile("scan", path, path.name, reader="ctpd") for path in paths])
    convert(open_ctpd(paths), tmp_path / "one")
    parts = [tmp_path / "one" / name for name in ("projections.h5", "views.parquet")]
    from_store = read({}, [InputFile("scan", path, f"x/{path.name}", reader="ctpd-store") for path in parts])
    for output in (from_files, from_store):
        assert output.values["scan"].geometry.shape == (24, 4, 12)
        assert "feet first" in output.warnings[0]
    assert (from_files.values["scan"].array == from_store.values["scan"].array).all()
