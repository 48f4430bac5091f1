"""The jobs that we ship are valid, and their values fit the roles of the cards they are for."""

from pathlib import Path

import pytest

from scanmill.engine.spec import load_job
from scanmill.engine.wiring import wiring_errors
from scanmill.io.card import load_card

JOBS = Path(__file__).parents[2] / "jobs"


CARDS = {
    "ct_limited_angle": "htc2022",
    "ct_parallel_counts": "tooth",
    "ct_cone_head": "phantom",
    "ct_sparse_view": "phantom",
    "ct_transmission_counts": "phantom",
    "demo": "phantom",
}


@pytest.mark.parametrize("name", CARDS)
def test_a_job_fits_its_card(name):
    job = load_job(JOBS / f"{name}.yaml")
    roles = {role: spec.kind for role, spec in load_card(CARDS[name]).roles.items()}
    for stage in job.stages:
        assert wiring_errors(stage, roles) == []


def test_the_helical_job_fits_what_dicom_gives():
    for stage in load_job(JOBS / "ct_helical_chest.yaml").stages:
        assert wiring_errors(stage, {"scan": "projections"}) == []


def test_every_job_is_tested():
    assert {path.stem for path in JOBS.glob("*.yaml")} == {*CARDS, "ct_helical_chest"}
