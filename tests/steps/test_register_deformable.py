"""`register.deformable` finds an imposed deformation, says how good it is, and fails with a picture where it is not."""

import numpy as np
import pytest

from registration_blobs import DEFORMATION, DEFORMED, FIXED, GRID
from scanmill.algorithms.quality import dice
from scanmill.algorithms.registration.resample import resample
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, Translation
from scanmill.errors import ConvergenceError, InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.register_deformable import STEP


def register(fixed, moving, **inputs):
    given = {"fixed": fixed, "moving": moving, **inputs}
    return STEP.run(given, STEP.params(), Context((Row("r", {}),), None))


def test_an_imposed_deformation_is_found_and_its_quality_told():
    output = register(FIXED, DEFORMED)
    points = GRID.voxel_points()[FIXED.array > 30]
    errors = np.linalg.norm(output.values["transform"].map(points) - DEFORMATION.map(points), axis=-1)
    ways = np.linalg.norm(DEFORMATION.map(points) - points, axis=-1)
    assert np.sqrt((errors**2).mean()) < 0.25 * np.sqrt((ways**2).mean())
    metrics = output.metrics
    assert metrics["deformable_similarity"] > metrics["deformable_similarity_start"]
    assert metrics["deformable_folded"] == 0 < metrics["deformable_jacobian_min"]
    assert metrics["deformable_overlap"] == pytest.approx(1, abs=0.02)
    for name in ("deformable_checkerboard", "deformable_overlay"):
        assert output.pictures[name].shape[2] == 3
    assert output.failure is None


def test_labels_of_both_images_judge_it():
    labels = Labels((FIXED.array > 40).astype(np.uint8), GRID)
    moved = resample(labels, GRID, DEFORMATION.inverse())
    metrics = register(FIXED, DEFORMED, fixed_labels=labels, moving_labels=moved).metrics
    assert metrics["deformable_label_dice"] > 0.9
    assert metrics["deformable_label_dice"] > dice(labels.array, moved.array)


def test_a_start_is_part_of_the_transform():
    x, y, z = GRID.origin
    far = Volume(DEFORMED.array, VolumeGeometry(GRID.shape, GRID.spacing, (x + 300, y, z)))
    start = Translation(np.array([300.0, 0.0, 0.0]))
    output = register(FIXED, far, start=start)
    near = register(FIXED, DEFORMED).values["transform"]
    points = GRID.voxel_points()[FIXED.array > 30]
    np.testing.assert_allclose(output.values["transform"].map(points) - [300, 0, 0], near.map(points), atol=0.05)
    assert output.metrics["deformable_moved_mm"] > 290


def test_images_that_begin_on_each_other_are_no_failure():
    output = register(FIXED, FIXED)
    assert output.failure is None
    points = GRID.voxel_points()[FIXED.array > 1]
    assert np.linalg.norm(output.values["transform"].map(points) - points, axis=-1).max() < 0.5


def test_one_that_converges_to_nothing_fails_with_its_pictures(monkeypatch):
    """Whatever the algorithm calls unfit never becomes a value that a later step could warp by."""
    import scanmill.algorithms.registration.deformable as deformable
    from scanmill.algorithms.registration.quality import Quality
    from scanmill.algorithms.registration.registration import Registration

    unfit = Registration(Affine(np.eye(3)), Quality("lncc", 0.5, 0.4, 1.0, converged=False, reason="no more alike"))
    monkeypatch.setattr(deformable, "register_deformable", lambda *images, **options: unfit)
    output = register(FIXED, DEFORMED)
    assert isinstance(output.failure, ConvergenceError)
    assert "no more alike" in str(output.failure)
    assert set(output.pictures) == {"deformable_checkerboard", "deformable_overlay"}
    assert output.metrics["deformable_similarity"] == 0.4


def test_one_that_diverges_fails_with_pictures_of_where_it_began(monkeypatch):
    import scanmill.algorithms.registration.deformable as deformable

    def diverge(*images, **options):
        raise ConvergenceError("the similarity is lost")

    monkeypatch.setattr(deformable, "register_deformable", diverge)
    output = register(FIXED, DEFORMED)
    assert str(output.failure) == "the similarity is lost"
    assert set(output.pictures) == {"deformable_checkerboard", "deformable_overlay"}


@pytest.mark.parametrize("method", ["demons", "svf", "syn"])
def test_every_method_makes_them_more_alike(method):
    output = STEP.run({"fixed": FIXED, "moving": DEFORMED}, STEP.params(method=method), Context((Row("r", {}),), None))
    assert output.failure is None
    assert output.metrics["deformable_similarity"] > output.metrics["deformable_similarity_start"]
    points = GRID.voxel_points()[FIXED.array > 30]
    off = np.linalg.norm(output.values["transform"].map(points) - DEFORMATION.map(points), axis=-1)
    assert np.sqrt((off**2).mean()) < 0.6 * np.sqrt(
        (np.linalg.norm(DEFORMATION.map(points) - points, axis=-1) ** 2).mean()
    )
    assert output.metrics["deformable_folded"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"moving": Volume(np.full(GRID.shape, 7.0, np.float32), GRID)}, "constant"),
        ({"moving": Volume(DEFORMED.array, VolumeGeometry(GRID.shape, origin=(900.0, 0.0, 0.0)))}, "overlap"),
        ({"moving": Volume(DEFORMED.array[:1], VolumeGeometry((1, 28, 32)))}, "plane|2D"),
        ({"fixed_mask": Labels(np.ones((2, 2, 2), np.uint8), VolumeGeometry((2, 2, 2)))}, "mask"),
        ({"start": "here"}, r"another kind \(start\)"),
    ],
)
def test_bad_input_is_named(change, words):
    with pytest.raises(InputError, match=words):
        register(**{"fixed": FIXED, "moving": DEFORMED, **change})
