"""The jobs that we ship are valid, and their values fit the roles of the cards they are for."""

from pathlib import Path

import pytest

from scanmill.engine.spec import load_job
from scanmill.engine.wiring import wiring_errors
from scanmill.io.card import load_card

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.mark.parametrize(
    ("name", "card"), [("ct_limited_angle", "htc2022"), ("ct_parallel_counts", "tooth"), ("demo", "phantom")]
)
def test_a_job_fits_its_card(name, card):
    job = load_job(JOBS / f"{name}.yaml")
    roles = {role: spec.kind for role, spec in load_card(card).roles.items()}
    for stage in job.stages:
        assert wiring_errors(stage, roles) == []


def test_every_job_is_tested():
    assert {path.stem for path in JOBS.glob("*.yaml")} == {"ct_limited_angle", "ct_parallel_counts", "demo"}
