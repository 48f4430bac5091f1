"""DICOM-CT-PD scans that are damaged or contradict themselves: their rows fail with the reason, the others are done."""

import struct

import pytest

from ctpd.writer import write_scan
from scanmill.phantoms.random_phantom import random_phantom

SAVE = {"use": "save", "in": {"image": "scan"}, "params": {"output": "scan", "format": "npz", "picture": False}}
SMALL = {"n_rows": 4, "n_columns": 12, "views_per_turn": 16, "turns": 1.5}


def set_tag(group, element, vr, value, instances=range(1000)):
    def edit(tags, instance):
        if instance in instances:
            tags[group, element] = (vr, value)

    return edit


FAULTS = {
    "missing views": ({"missing": (5, 9)}, "get 5, 9 again"),
    "truncated": ({"truncated": 24}, "the file is truncated (InstanceNumber 24)"),
    "views out of order": (
        {"edit": set_tag(0x7031, 0x1001, "FL", struct.pack("<f", 1.0), (8,))},
        "the angle does not grow evenly with InstanceNumber",
    ),
    "vendor without rules": ({"edit": set_tag(0x8, 0x70, "LO", b"TOSHIBA ")}, "no rules for this Manufacturer"),
    "contradictory tags": (
        {"edit": set_tag(0x7033, 0x1013, "US", struct.pack("<H", 99))},
        "contradict NumberofSourceAngularSteps",
    ),
    "logarithm not taken": ({"edit": set_tag(0x7039, 0x1009, "CS", b"NO")}, "LogFlag is not YES"),
}


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of this site")


def test_damaged_scans_fail_each_with_its_reason(tmp_path, build, run):
    phantom = random_phantom(3, radius_mm=120.0)
    write_scan(tmp_path / "scans" / "good", phantom, series="good", **SMALL)
    for number, (how, _) in enumerate(FAULTS.values()):
        write_scan(tmp_path / "scans" / str(number), phantom, series=str(number), **SMALL, **how)
    cohort = build(tmp_path / "scans", None)
    assert len(cohort) == 1 + len(FAULTS)
    assert cohort.problems.num_rows == len(FAULTS)
    rows, _ = run(cohort, [SAVE])
    assert [row["status"] for row in rows.values()].count("done") == 1
    errors = [row["error"] for row in rows.values() if row["status"] == "failed"]
    assert {row["error_class"] for row in rows.values() if row["status"] == "failed"} == {"InputError"}
    for _, words in FAULTS.values():
        assert sum(words in error for error in errors) == 1, words


def test_doubtful_scans_are_done_with_a_warning(tmp_path, build, run):
    phantom = random_phantom(3, radius_mm=120.0)
    dark = set_tag(0x7033, 0x1065, "FL", bytes(48), (3,))
    write_scan(tmp_path / "scans" / "a", phantom, series="a", edit=dark, **SMALL)
    write_scan(tmp_path / "scans" / "b", phantom, series="b", patient_position="FFS", **SMALL)
    rows, _ = run(build(tmp_path / "scans", None), [SAVE])
    assert {row["status"] for row in rows.values()} == {"done"}
    warnings = " | ".join(word for row in rows.values() for word in row["warnings"])
    assert "PhotonStatistics is zero in 1 of 24 views" in warnings
    assert "feet first" in warnings


def test_two_scans_in_one_folder_are_two_rows_and_two_in_one_series_are_refused(tmp_path, build, run):
    phantom = random_phantom(3, radius_mm=120.0)
    write_scan(tmp_path / "scans", phantom, series="a", **SMALL)
    for path in write_scan(tmp_path / "other", phantom, series="b", **SMALL):
        path.rename(tmp_path / "scans" / f"b{path.name}")
    write_scan(tmp_path / "scans" / "one", phantom, series="c", **SMALL)
    write_scan(tmp_path / "scans" / "two", phantom, series="c", start_deg=90.0, **SMALL)
    rows, _ = run(build(tmp_path / "scans", None), [SAVE])
    assert sorted(row["status"] for row in rows.values()) == ["done", "done", "failed"]
    (error,) = [row["error"] for row in rows.values() if row["status"] == "failed"]
    assert "InstanceNumber stands twice: mixed scans or copies" in error
