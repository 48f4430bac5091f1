"""Local binary patterns against scikit-image's uniform ones, and in the three planes of a volume."""

import numpy as np
import pytest
from skimage.feature import local_binary_pattern as theirs

from scanmill.algorithms.features import Box, local_binary_pattern, pattern_histogram
from scanmill.errors import InputError

IMAGE = np.random.default_rng(0).integers(1, 2**20, size=(40, 33))  # hardly a tie


@pytest.mark.parametrize(("n_points", "radius"), [(8, 1.0), (16, 2.0), (24, 3.0), (8, 1.5), (5, 2.5)])
def test_as_scikit_image(n_points, radius):
    expected = theirs(IMAGE, n_points, radius, method="uniform")
    np.testing.assert_array_equal(local_binary_pattern(IMAGE, n_points=n_points, radius=radius), expected)


def test_planes_of_a_stack_are_alone():
    stack = np.stack([IMAGE, IMAGE[::-1]])
    np.testing.assert_array_equal(local_binary_pattern(stack)[1], local_binary_pattern(IMAGE[::-1]))


def test_a_flat_image_is_bright_all_around_whatever_its_value():
    """Interpolation between equal values may come out a last digit lower; it must not count as darker."""
    for value in (0.1, 1 / 3, 1e-3, 7.7e5):
        assert (local_binary_pattern(np.full((9, 9), value), n_points=16, radius=2.0)[3:6, 3:6] == 16).all()


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_quarter_turns_and_brightness_do_not_matter(turn):
    codes = local_binary_pattern(np.rot90(3 * IMAGE + 5, turn), n_points=8, radius=1.0)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_array_equal(codes[inner], np.rot90(local_binary_pattern(IMAGE), turn)[inner])


def test_a_volume_has_three_planes():
    volume = np.random.default_rng(1).integers(1, 2**20, size=(9, 10, 11))
    expected = []
    for planes in (volume, volume.transpose(1, 0, 2), volume.transpose(2, 0, 1)):
        codes = np.concatenate([theirs(plane, 8, 1.0, method="uniform").ravel() for plane in planes])
        expected.append(np.bincount(codes.astype(int), minlength=10) / codes.size)
    np.testing.assert_allclose(pattern_histogram(volume), np.concatenate(expected))
    np.testing.assert_array_equal(pattern_histogram(volume[:1]), pattern_histogram(volume[0]))


def test_a_region_counts_its_own_pixels_with_their_true_neighbours():
    box = Box((10, 12), (3, 4))
    codes = theirs(IMAGE, 16, 4.0, method="uniform")[box.slices].astype(int)
    expected = np.bincount(codes.ravel(), minlength=18) / 12
    np.testing.assert_allclose(pattern_histogram(IMAGE, box, n_points=16, radius=4.0), expected)


def test_what_has_no_patterns():
    with pytest.raises(InputError, match="planes"):
        local_binary_pattern(np.ones(5))
    with pytest.raises(InputError, match="3 points"):
        local_binary_pattern(IMAGE, n_points=2)
    with pytest.raises(InputError, match="finite"):
        pattern_histogram(np.full((5, 5), np.nan))
