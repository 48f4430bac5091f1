"""Regions: a box and the mask of the same voxels cut out the same."""

import numpy as np
import pytest

from scanmill.algorithms.features import Box, box_of, cut_out, intensity_statistics
from scanmill.errors import InputError

IMAGE = np.random.default_rng(0).normal(size=(6, 7, 8))


def test_a_box_and_its_mask_are_one_region():
    box = Box((1, 2, 3), (4, 3, 2))
    mask = np.zeros(IMAGE.shape, np.uint8)
    mask[1:5, 2:5, 3:5] = 7
    assert box_of(mask, IMAGE.shape) == box
    assert intensity_statistics(IMAGE, box) == intensity_statistics(IMAGE, mask)
    assert intensity_statistics(IMAGE, box)["mean"] == pytest.approx(IMAGE[1:5, 2:5, 3:5].mean())


def test_a_margin_ends_at_the_rim():
    part, inside = cut_out(IMAGE, Box((0, 2, 6), (4, 2, 2)), margin=0.5)
    np.testing.assert_array_equal(part, IMAGE[0:6, 1:5, 5:8])
    np.testing.assert_array_equal(np.argwhere(inside).min(axis=0), (0, 1, 1))
    assert inside.sum() == 4 * 2 * 2


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Box((0, 0, 7), (1, 1, 2)), "outside"),
        (Box((-1, 0, 0), (2, 2, 2)), "outside"),
        (Box((0, 0), (2, 2)), "outside"),
        (np.zeros(IMAGE.shape), "empty"),
        (np.ones((6, 7)), "shape"),
    ],
)
def test_a_region_that_does_not_fit(region, words):
    with pytest.raises(InputError, match=words):
        cut_out(IMAGE, region)


def test_what_is_no_image():
    with pytest.raises(InputError, match="finite"):
        cut_out(np.array([[1.0, np.nan]]))
    with pytest.raises(InputError, match="real"):
        cut_out(np.ones((2, 2), complex))
    with pytest.raises(InputError, match="size of 1"):
        Box((0, 0), (1, 0))
    hidden = np.where(np.eye(3, dtype=bool), np.inf, 1.0)
    assert intensity_statistics(hidden, Box((0, 1), (1, 2)))["maximum"] == 1.0
