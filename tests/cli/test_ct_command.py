"""`scanmill ct`: convert and audit, for people and for programs."""

import json

import pytest

from ctpd.writer import write_scan
from raw_scans import scanmill
from scanmill.phantoms.anatomy import chest

SIZES = {"n_rows": 12, "n_columns": 80, "views_per_turn": 90, "turns": 1.5, "ffs": "FFSXY"}


@pytest.fixture
def scans(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of this site")
    write_scan(tmp_path / "L067", chest(), patient="PID-77", **SIZES)
    return tmp_path


def test_a_scan_is_converted_and_audited(scans):
    done = scanmill("ct", "convert", "L067", "-o", "stores/L067")
    assert done.exit_code == 0, done.output
    assert "stores/L067: 135 views of 12 x 80 pixels" in done.stdout
    assert "Next: scanmill ct audit stores/L067" in done.stdout
    told = scanmill("ct", "audit", "stores/L067")
    assert told.exit_code == 0
    text = " ".join(told.stdout.split())
    assert "lines measured twice" in text
    assert "sign of dphi" in text
    assert "everything agrees" in text
    from_files = json.loads(scanmill("ct", "audit", "L067", "--json").stdout)
    from_store = json.loads(scanmill("ct", "audit", "stores/L067", "--json").stdout)
    assert from_files == from_store
    assert from_files["is_consistent"]
    again = scanmill("ct", "convert", "L067", "-o", "stores/L067", "--json")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "the output exists already" in again.stderr
    assert "PID-77" not in done.output + told.output


def test_a_wrong_rule_ends_with_its_own_exit_code(scans):
    def as_ge(tags, instance):
        tags[0x8, 0x70] = ("LO", b"GE")

    write_scan(scans / "odd", chest(), edit=as_ge, series="2", **SIZES)
    told = scanmill("ct", "audit", "odd")
    assert told.exit_code == 3
    assert "the data fit better with this turned round: central column" in told.stdout


def test_a_damaged_or_empty_folder_is_told(scans):
    (scans / "L067" / "000003.dcm").unlink()
    found = scanmill("ct", "audit", "L067")
    assert found.exit_code == 3
    assert "views are missing, by InstanceNumber" in found.stderr
    (scans / "empty").mkdir()
    assert "no DICOM-CT-PD files in this folder" in scanmill("ct", "convert", "empty", "-o", "x").stderr
    assert scanmill("ct", "convert", "nowhere", "-o", "x").exit_code == 2
