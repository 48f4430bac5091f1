"""Pairs: every row has one partner or is named; files and columns of both sides are told apart."""

import nibabel as nib
import numpy as np
import pyarrow as pa
import pytest

from cohort.samples import cohort, files, rows
from scanmill.cohort import Cohort
from scanmill.cohort.pair import pair_cohort
from scanmill.cohort.protected import PROTECTED, write_protected
from scanmill.errors import SpecError

VISITS = {
    "visit": pa.array([1, 2, 1, 2]),
    "Modality": pa.array(["MR"] * 4),
    "size_x": pa.array([64, 32, 64, 48], pa.int64()),
    "EchoTime": pa.array([3.0, 90.0, 3.0, 91.0]),
}


@pytest.fixture
def path(tmp_path):
    """Two patients of two visits; every visit has an image and a mask."""
    table = rows(4, **VISITS)
    listed = pa.concat_tables([files(table, "image"), files(table, "mask")])
    Cohort(table, listed, {"data": "/somewhere/data"}).write(tmp_path / "c.parquet")
    return tmp_path / "c.parquet"


def pairs(path, **options):
    options = {"fixed": "visit = 1", "moving": "visit = 2", **options}
    summary = pair_cohort(path, out=path.with_name("p.parquet"), **options)
    return summary, Cohort.open(path.with_name("p.parquet"))


def test_every_patient_becomes_a_pair_with_the_files_of_both(path):
    summary, found = pairs(path)
    assert (summary.n_pairs, summary.left_out, summary.n_unknown_frames) == (2, (), 2)
    assert found.table["row_key"].to_pylist() == ["a0+a1", "a2+a3"]
    roles = {file["role"]: file["path"] for file in found.files_of("a0+a1")}
    assert roles == {"fixed": "a0.nii", "moving": "a1.nii", "fixed_mask": "a0.nii", "moving_mask": "a1.nii"}
    row = found.row("a2+a3")
    assert (row["patient_key"], row["Modality"], row["bytes"], row["n_files"]) == ("p1", "MR", 70, 2)
    assert (row["size_x"], row["fixed.size_x"], row["moving.size_x"]) == (64, 64, 48)
    assert (row["fixed.EchoTime"], row["moving.EchoTime"]) == (3.0, 91.0)
    assert "EchoTime" not in row
    assert len(found.select("moving.EchoTime > 90")) == 1
    assert (row["fixed_row_key"], row["moving_row_key"]) == ("a2", "a3")


def test_equal_cohorts_give_equal_bytes(path):
    pairs(path)
    once = path.with_name("p.parquet").read_bytes()
    pairs(path)
    assert path.with_name("p.parquet").read_bytes() == once


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"moving": "visit = 2 and patient_key = 'p0'"}, "a2: no partner"),
        ({"fixed": "true", "moving": "true", "by": ["Modality"]}, "a0: 3 partners; a1: 3 partners"),
        ({"fixed": "visit = 1", "moving": "true", "by": ["visit"]}, "a1: no partner"),
        ({"by": ["visit2"]}, "column 'visit2' is missing"),
        ({"fixed": "visit = 7"}, "no row is fixed: expected visit = 7"),
        ({"fixed": None}, "what is fixed"),
        ({"fixed": "read_text('/etc/passwd') = ''"}, "read_text"),
    ],
)
def test_what_does_not_pair_is_refused_by_name(path, options, words):
    with pytest.raises(SpecError, match=words):
        pairs(path, **options)
    assert not path.with_name("p.parquet").exists()


def test_a_row_whose_partner_has_several_is_named_too(path):
    options = {"fixed": "row_key = 'a0'", "moving": "row_key != 'a0'", "by": ["Modality"], "leave_out": True}
    with pytest.raises(SpecError, match="no pair was found"):
        pairs(path, **options)
    summary, found = pairs(path, **{**options, "each": True})
    assert found.table["row_key"].to_pylist() == ["a0+a1", "a0+a2", "a0+a3"]
    assert summary.left_out == ()
    assert found.row("a0+a2")["patient_key"] is None


def test_left_out_rows_are_in_the_problems(path):
    summary, found = pairs(path, moving="visit = 2 and patient_key = 'p0'", leave_out=True)
    assert (summary.n_pairs, summary.left_out) == (1, (("a2", "no partner"),))
    (problem,) = found.problems.to_pylist()
    assert (problem["path"], problem["problem"]) == ("a2", "in no pair: no partner")


def test_a_row_without_the_value_is_named(tmp_path):
    cohort(2, visit=pa.array([1, 2]), person=pa.array(["x", None])).write(tmp_path / "c.parquet")
    with pytest.raises(SpecError, match=r"a0: no partner; a1: no person"):
        pairs(tmp_path / "c.parquet", by=["person"])


def test_other_frames_of_reference_only_with_allow(path):
    frames = ["1.2", "1.2", "1.3", "1.4"]
    people = [{"row_key": f"a{i}", "FrameOfReferenceUID": frame} for i, frame in enumerate(frames)]
    write_protected(path, pa.Table.from_pylist(people, schema=PROTECTED))
    with pytest.raises(SpecError, match="different frames of reference: got a2 and a3") as caught:
        pairs(path)
    assert "1.3" not in str(caught.value)
    summary, found = pairs(path, allow=True)
    assert (summary.n_pairs, summary.n_other_frames, summary.n_unknown_frames, len(found)) == (2, 1, 0, 2)


def test_an_atlas_is_the_fixed_image_of_every_pair(path, tmp_path):
    folder = tmp_path / "atlases"
    folder.mkdir()
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([-2, -2, 2, 1])), folder / "brain.nii.gz")
    summary, found = pairs(path, fixed=None, atlas=folder / "brain.nii.gz")
    assert summary.n_unknown_frames == 0
    assert found.table["row_key"].to_pylist() == ["brain+a1", "brain+a3"]
    row = found.row("brain+a3")
    assert (row["patient_key"], row["size_x"], row["spacing_x"]) == ("p1", 4, 2.0)
    fixed = next(file for file in found.files_of("brain+a3") if file["role"] == "fixed")
    assert found.uri(fixed) == f"{folder}/brain.nii.gz"
    (folder / "not.nii").write_text("no image")
    with pytest.raises(SpecError, match="the atlas cannot be read"):
        pairs(path, fixed=None, atlas=folder / "not.nii")
    with pytest.raises(SpecError, match="an atlas is a NIfTI image"):
        pairs(path, fixed=None, atlas=path)
