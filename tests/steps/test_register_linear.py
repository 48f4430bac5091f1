"""`register.linear` finds an imposed motion, says how good it is, and fails with a picture where it found nothing."""

import numpy as np
import pytest

from registration_blobs import FIXED, GRID, MOTION, MOVED
from scanmill.data import Labels, Volume
from scanmill.errors import ConvergenceError, InputError
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
    assert set(output.pictures) == {"linear_checkerboard", "linear_overlay"}
    assert "linear_similarity" in output.metrics


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
