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
    "ct_search": "phantom",
    "ct_sparse_view": "phantom",
    "ct_transmission_counts": "phantom",
    "mr_radial_cs": "phantom_trajectory",
    "ct_mr_fusion": "ct_mri_pairs",
}
RAW_MR = {"mr_fastmri_cs": {"scan": "kspace", "reference": "volume"}, "mr_ismrmrd_grappa": {"scan": "kspace"}}
PAIRS = ("register_to_atlas", "t1_t2_fusion")
DEMO = {"ct": ("phantom",), "mr": ("phantom_cartesian", "phantom_trajectory")}


@pytest.mark.parametrize("name", CARDS)
def test_a_job_fits_its_card(name):
    job = load_job(JOBS / f"{name}.yaml")
    for stage in job.stages:
        assert wiring_errors(stage, roles_of(CARDS[name])) == []


def roles_of(card):
    return {role: spec.kind for role, spec in load_card(card).roles.items()}


def test_the_demo_fits_the_cards_of_its_stages():
    for stage in load_job(JOBS / "demo.yaml").stages:
        for card in DEMO[stage.name]:
            assert wiring_errors(stage, roles_of(card)) == []


@pytest.mark.parametrize("name", RAW_MR)
def test_a_job_fits_what_raw_mr_files_give(name):
    for stage in load_job(JOBS / f"{name}.yaml").stages:
        assert wiring_errors(stage, RAW_MR[name]) == []


def test_the_helical_job_fits_what_dicom_gives():
    for stage in load_job(JOBS / "ct_helical_chest.yaml").stages:
        assert wiring_errors(stage, {"scan": "projections"}) == []


@pytest.mark.parametrize("name", PAIRS)
def test_a_job_fits_what_a_cohort_of_pairs_gives(name):
    for stage in load_job(JOBS / f"{name}.yaml").stages:
        assert wiring_errors(stage, {"fixed": "volume", "moving": "volume"}) == []


def test_images_as_they_are_fit_the_job_that_makes_them_searchable():
    assert load_job(JOBS / "image_search.yaml").wiring_errors({"image": "volume"}) == []


def test_the_template_job_fits_images_with_labels():
    job = load_job(JOBS / "labelled_template.yaml")
    assert [stage.name for stage in job.stages][:5] == ["template", "placed", "aligned.1", "template.1", "aligned.2"]
    assert job.stage("registered").extra["fixed"] == "${template.2.image}"
    assert job.wiring_errors({"image": "volume", "labels": "labels"}) == []


def test_every_job_is_tested():
    shipped = {*CARDS, *RAW_MR, *PAIRS, "labelled_template", "ct_helical_chest", "demo", "image_search"}
    assert {path.stem for path in JOBS.glob("*.yaml")} == shipped
