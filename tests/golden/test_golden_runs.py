"""Run folders of past releases open for ever: one is kept for each, made by `scanmill run` of that release."""

import shutil
from pathlib import Path

import pytest

from scanmill.cohort.results import results_as_cohort
from scanmill.engine.run_folder import RunFolder
from scanmill.engine.runs import show_run, verify_run
from scanmill.io.nifti import read_nifti
from scanmill.report import write_report

KEPT = sorted(Path(__file__).parent.glob("run-*"))


@pytest.fixture(params=KEPT, ids=lambda path: path.name)
def folder(request, tmp_path):
    return Path(shutil.copytree(request.param, tmp_path / request.param.name))


def test_it_is_shown_with_its_counts_and_its_failure(folder):
    shown = show_run(folder)
    assert shown.status == "done"
    assert {state: n for state, n in shown.counts["scans"].items() if n} == {"done": 1, "failed": 1}
    [failure] = shown.failures
    assert failure["error_class"] == "InputError"
    assert failure["row_keys"] == ("golden/parallel-full-12",)


def test_its_files_are_those_that_were_committed(folder):
    assert verify_run(folder).sound
    [image] = folder.glob("artifacts/*/*/*/image.nii.gz")
    image.write_bytes(image.read_bytes()[:-1] + b"x")
    assert not verify_run(folder).sound


def test_its_results_are_a_cohort_and_its_images_open(folder):
    cohort = results_as_cohort(folder / "results.parquet", folder.as_uri())
    assert cohort.table["row_key"].to_pylist() == ["golden/fan-sparse-5"]
    [image] = [file for file in cohort.files_of("golden/fan-sparse-5") if file["role"] == "image"]
    assert read_nifti(folder / image["path"]).geometry.shape == (1, 32, 32)


def test_its_report_can_be_written_again(folder):
    opened = RunFolder.open(folder)
    page = write_report(folder, opened.store.get_bytes, {"status": "done", "seconds": 1.0, "drained": {}})[0]
    assert "golden/parallel-full-12" in page.read_text("utf-8")
