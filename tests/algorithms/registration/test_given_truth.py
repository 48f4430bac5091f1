"""Landmarks and labels beside hand-computed errors and overlaps."""

import numpy as np
import pytest

from scanmill.algorithms.registration.given_truth import judged_by
from scanmill.algorithms.registration.quality import Quality
from scanmill.algorithms.registration.registration import Registration
from scanmill.data import Labels
from scanmill.data.transforms import Rigid, Translation
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry

QUALITY = Quality("ncc", 0.1, 0.9, overlap=1.0)
ROW = VolumeGeometry((1, 1, 8), (2.0, 1.0, 1.0))


def labels(*values, grid=ROW):
    return Labels(np.array(values, np.uint8).reshape(grid.shape), grid)


def test_landmarks_miss_by_the_root_of_the_mean_square():
    turn = Rigid.from_euler((0.0, 0.0, np.pi / 2), (10.0, 0.0, 0.0))
    fixed = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 5.0]])
    moving = np.array([[10.0, 1.0, 3.0], [8.0, 4.0, 5.0]])  # 3 mm and 4 mm from (10, 1, 0) and (8, 0, 5)
    judged = judged_by(Registration(turn, QUALITY), landmarks=(fixed, moving)).quality
    assert judged.landmark_error_mm == pytest.approx(np.sqrt(12.5))
    assert judged.label_dice is None


def test_dice_is_the_mean_over_the_labels_of_the_fixed_image():
    """Through a shift of two voxels: 0 1 1 1 0 2 0 3 becomes 1 1 0 2 0 3 0 0."""
    shift = Registration(Translation((4.0, 0.0, 0.0)), QUALITY)
    fixed, moving = labels(1, 1, 1, 2, 0, 0, 0, 0), labels(0, 1, 1, 1, 0, 2, 0, 3)
    judged = judged_by(shift, labels=(fixed, moving)).quality
    assert judged.label_dice == pytest.approx((2 * 2 / (3 + 2) + 1) / 2)
    assert judged.landmark_error_mm is None


def test_a_label_that_the_moving_image_lacks_counts_as_missed():
    here = Registration(Translation((0.0, 0.0, 0.0)), QUALITY)
    judged = judged_by(here, labels=(labels(1, 1, 2, 2, 0, 0, 0, 0), labels(1, 1, 0, 0, 0, 0, 0, 0))).quality
    assert judged.label_dice == pytest.approx(0.5)


def test_each_segmentation_has_its_own_grid():
    fine = VolumeGeometry((1, 1, 16), (1.0, 1.0, 1.0), origin=(-0.5, 0.0, 0.0))
    coarse, twice = labels(0, 1, 1, 0, 2, 2, 0, 0), np.repeat([0, 1, 1, 0, 2, 2, 0, 0], 2)
    judged = judged_by(
        Registration(Translation((0.0, 0.0, 0.0)), QUALITY), labels=(coarse, labels(*twice, grid=fine))
    ).quality
    assert judged.label_dice == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"landmarks": (np.zeros((2, 3)), np.zeros((3, 3)))}, "pairs"),
        ({"landmarks": (np.zeros((0, 3)), np.zeros((0, 3)))}, "pairs"),
        ({"landmarks": (np.zeros((1, 3)), np.full((1, 3), np.nan))}, "finite"),
        ({"labels": (labels(*[0] * 8), labels(*[1] * 8))}, "no label"),
    ],
)
def test_what_cannot_judge_is_refused(given, words):
    with pytest.raises(InputError, match=words):
        judged_by(Registration(Translation((0.0, 0.0, 0.0)), QUALITY), **given)
