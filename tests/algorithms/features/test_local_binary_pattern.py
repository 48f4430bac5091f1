"""Local binary patterns against scikit-image's uniform ones, and in the three planes of a volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from skimage.feature import local_binary_pattern as theirs

from scanmill.algorithms.features import Box, local_binary_pattern, pattern_histogram
from scanmill.errors import InputError
from scanmill.kernels.launch import threads
from scanmill.kernels.pieces import n_threads as n_cores

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


@settings(deadline=None)
@given(value=st.floats(-1e9, 1e9), n_points=st.integers(3, 24), radius=st.floats(0.1, 3.0))
def test_interpolation_between_equals_is_exact(value, n_points, radius):
    codes = local_binary_pattern(np.full((9, 9), value), n_points=n_points, radius=radius)
    assert codes[4, 4] == n_points


def by_hand(image, n_points, radius):
    """Ojala's words for one plane, pixel by pixel."""
    padded, tie = np.pad(image, 9), 1e-9 * np.ptp(image)
    angles = 2 * np.pi * np.arange(n_points) / n_points
    y, x = np.round(-radius * np.sin(angles), 5) + 9, np.round(radius * np.cos(angles), 5) + 9
    codes = np.zeros(image.shape, int)
    for row, column in np.ndindex(image.shape):
        values = map_coordinates(padded, (y + row, x + column), order=1)
        bright = values >= image[row, column] - tie
        codes[row, column] = bright.sum() if (bright != np.roll(bright, 1)).sum() <= 2 else n_points + 1
    return codes


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(2, 12)),
    n_points=st.integers(3, 40),
    radius=st.sampled_from([0.3, 1.0, 1.5, 2.0, 4.7]),
    few=st.booleans(),
    seed=st.integers(0, 99),
)
def test_as_a_loop_over_all_pixels(shape, n_points, radius, few, seed):
    chance = np.random.default_rng(seed)
    image = chance.integers(0, 3, shape).astype(float) if few else chance.normal(size=shape)
    image[0, 0] += 7  # an image of one value has no range, and no ties but exact ones
    codes = local_binary_pattern(image, n_points=n_points, radius=radius)
    np.testing.assert_array_equal(codes, by_hand(image, n_points, radius))


def test_any_number_of_threads_and_any_order_in_memory():
    volume = np.random.default_rng(3).normal(size=(5, 20, 30)).astype(np.float32)
    expected = local_binary_pattern(volume.transpose(2, 0, 1).copy())
    for n_threads in (1, n_cores()):
        with threads(n_threads):
            np.testing.assert_array_equal(local_binary_pattern(volume.transpose(2, 0, 1)), expected)


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
    for image in (np.full((5, 5), np.nan), np.array([[1, 2], [np.inf, 0]]), np.ones((5, 5), complex)):
        with pytest.raises(InputError, match="finite"):
            pattern_histogram(image)
