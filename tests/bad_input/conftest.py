"""Cohorts in which one row is bad, and whole runs over them in this process."""

import subprocess

import pyarrow.parquet as pq
import pytest
import yaml

from raw_scans import write_scans
from scanmill.cohort import Cohort
from scanmill.cohort.build import build_cohort
from scanmill.engine.in_process import InProcess
from scanmill.engine.runs import start_run
from scanmill.engine.spec import JobSpec

SAVE_SCAN = {"use": "save", "in": {"image": "scan"}, "params": {"output": "scan", "format": "npz", "picture": False}}


@pytest.fixture
def scans(tmp_path):
    """Four good scans for the card ``phantom``."""
    return write_scans(tmp_path / "scans")


@pytest.fixture
def build(tmp_path):
    """A function: the cohort of a folder, and what could not be read."""

    def built(folder, card="phantom"):
        if isinstance(card, dict):
            path = tmp_path / "card.yaml"
            path.write_text(yaml.safe_dump(card))
            card = path
        build_cohort([folder], card=card, project="p", out=tmp_path / "cohort.parquet", workers=1)
        return Cohort.open(tmp_path / "cohort.parquet")

    return built


@pytest.fixture
def run(tmp_path):
    """A function: run steps over a cohort; rows of the results by row key, and the summary."""

    def ran(cohort, steps=("ct.prepare", SAVE_SCAN), *, stage=None, out=tmp_path / "runs", **how):
        job = JobSpec.from_mapping({"name": "bad", "stages": [{"name": "main", "steps": list(steps), **(stage or {})}]})
        summary = start_run(job, cohort, out=out, performer=InProcess(2), **how)
        rows = pq.read_table(f"{summary.folder}/stages/main/results.parquet").to_pylist()
        return {row["row_key"]: row for row in rows}, summary

    return ran


@pytest.fixture
def mounted(tmp_path):
    """A function: a small file system of its own at a folder; skips where mounting is not allowed."""
    folders = []

    def mount(name, options):
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "scanmill-test", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.decode(errors='replace').strip()}")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def assert_only_bad(rows, bad, error_class, *, status="failed", says=""):
    """One row ended with this class of error; all others are done."""
    ended = {key: row["status"] for key, row in rows.items()}
    assert {key for key, state in ended.items() if state != "done"} == {bad}, ended
    row = rows[bad]
    assert (row["status"], row["error_class"]) == (status, error_class), row["error"]
    assert says in row["error"]
    assert len(rows) > 1


@pytest.fixture(name="assert_only_bad")
def _assert_only_bad():
    return assert_only_bad
