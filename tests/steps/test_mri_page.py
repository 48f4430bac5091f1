"""The job that docs/mri.md shows is valid, and raw MR data are what it takes."""

from pathlib import Path

from scanmill.engine.spec import load_job
from scanmill.engine.wiring import wiring_errors

PAGE = Path(__file__).parents[2] / "docs" / "mri.md"
JOB = Path(__file__).parents[2] / "benchmarks" / "mri_head.yaml"


def test_the_job_of_the_page_fits_raw_mr_data():
    for stage in load_job(JOB).stages:
        assert wiring_errors(stage, {"scan": "kspace"}) == []
    assert JOB.read_text() in PAGE.read_text()
