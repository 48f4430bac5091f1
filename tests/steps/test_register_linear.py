"""`register.linear` finds an imposed motion, says how good it is, and fails with a picture where it found nothing."""

from dataclasses import replace

import numpy as np
import pytest

from registration_blobs import DEFORMATION, FIXED, GRID, MOTION, MOVED
from scanmill.algorithms.registration.resample import resample
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Rigid
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.register_linear import STEP


def register(fixed, moving, params=None, **inputs):
    given = {"fixed": fixed, "moving": moving, **inputs}
    return STEP.run(given, STEP.params(**params or {}), Context((Row("r", {}),), None))


def test_an_imposed_motion_is_found_and_its_quality_told():
    output = register(FIXED, MOVED)
    points = GRID.voxel_points()[FIXED.array > 10]
    errors = np.linalg.norm(output.values["transform"].map(points) - MOTION.map(points), axis=-1)
    assert np.sqrt((errors**2).mean()) < 0.1
    metrics = output.metrics
    assert metrics["linear_similarity"] > metrics["linear_similarity_start"]
    assert metrics["linear_inverse_consistency_mm"] < 0.2
    assert metrics["linear_moved_mm"] == pytest.approx(np.sqrt(14), abs=1.5)
    for name in ("linear_checkerboard", "linear_overlay"):
        assert output.pictures[name].shape[2] == 3
    assert output.failure is None


def test_noise_on_noise_fails_with_its_pictures_and_says_why():
    rng = np.random.default_rng(0)
    noise = [Volume(rng.normal(0, 1, GRID.shape).astype(np.float32), GRID) for _ in range(2)]
    output = register(*noise)
    assert isinstance(output.failure, ConvergenceError)
    assert "cannot be trusted" in str(output.failure)
    (told,) = output.warnings
    assert "auto from auto: nmi is only" in told
    assert "mi from grid" in told
    assert set(output.pictures) == {"linear_checkerboard", "linear_overlay"}
    assert "linear_similarity" in output.metrics


TURN = Rigid.from_euler((0.0, 0.0, np.radians(90.0)), (2.0, -1.0, 1.0))


def turned():
    """FIXED in another place by its grid alone: no voxel is interpolated."""
    direction = tuple(map(tuple, TURN.matrix @ np.asarray(GRID.direction)))
    return Volume(FIXED.array, replace(GRID, origin=tuple(TURN.map(GRID.origin)), direction=direction))


def test_a_bad_try_is_tried_again_from_other_starts_and_says_so():
    params = {"starts": "identity", "metric": "ncc"}
    once = register(FIXED, turned(), {**params, "retries": False})
    assert isinstance(once.failure, ConvergenceError)
    assert once.warnings == ()
    output = register(FIXED, turned(), params)
    assert output.failure is None
    (told,) = output.warnings
    assert "ncc from identity: there and back misses by" in told
    points = GRID.voxel_points()[FIXED.array > 10]
    errors = np.linalg.norm(output.values["transform"].map(points) - TURN.map(points), axis=-1)
    assert np.sqrt((errors**2).mean()) < 0.1
    again = register(FIXED, turned(), params)
    np.testing.assert_array_equal(again.values["transform"].affine, output.values["transform"].affine)


def test_a_start_that_no_try_can_take_is_the_specs_fault():
    with pytest.raises(SpecError, match="linear start"):
        register(FIXED, MOVED, start=DEFORMATION)


def test_a_retry_is_counted_in_the_prediction():
    once, more = (STEP.predict({}, STEP.params(retries=retries), "cpu").seconds for retries in (False, True))
    assert more > once


def test_labels_of_both_images_judge_it_and_take_no_other_part():
    labels = Labels((FIXED.array > 40).astype(np.uint8) + (FIXED.array > 90), GRID)
    moved = resample(labels, GRID, MOTION.inverse())
    plain, judged = register(FIXED, MOVED), register(FIXED, MOVED, fixed_labels=labels, moving_labels=moved)
    assert judged.metrics["linear_label_dice"] > 0.9
    assert "linear_label_dice" not in register(FIXED, MOVED, fixed_labels=labels).metrics
    np.testing.assert_array_equal(judged.values["transform"].affine, plain.values["transform"].affine)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"moving": Volume(np.full(GRID.shape, 7.0, np.float32), GRID)}, "constant"),
        ({"moving": Volume(MOVED.array[:1], VolumeGeometry((1, 28, 32)))}, "plane|2D"),
        ({"moving": Volume(np.where(MOVED.array > 50, np.nan, 1).astype(np.float32), GRID)}, "finite"),
        ({"fixed_mask": Labels(np.ones((2, 2, 2), np.uint8), VolumeGeometry((2, 2, 2)))}, "mask"),
        ({"start": "here"}, r"another kind \(start\)"),
    ],
)
def test_bad_input_is_named(change, words):
    with pytest.raises(InputError, match=words):
        register(**{"fixed": FIXED, "moving": MOVED, **change})


def test_images_that_do_not_overlap_are_refused_where_they_begin():
    far = Volume(MOVED.array, VolumeGeometry(GRID.shape, GRID.spacing, origin=(900.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="overlap"):
        register(FIXED, far, {"starts": "identity"})
