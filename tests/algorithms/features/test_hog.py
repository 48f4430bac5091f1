"""HOG in a plane against scikit-image, and against a loop over its pixels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import camera
from skimage.feature import hog as theirs

from scanmill.algorithms.features import cells, hog
from scanmill.algorithms.features.cells import normalised_blocks
from scanmill.algorithms.features.hog import hog_size
from scanmill.errors import InputError
from scanmill.kernels.launch import threads
from scanmill.kernels.pieces import n_threads as n_cores

IMAGE = camera()[100:196, 180:251].astype(np.float64)


@pytest.mark.parametrize(("n_orientations", "cell", "block"), [(9, 8, 3), (9, 8, 2), (6, 7, 2), (12, 16, 1)])
def test_as_scikit_image(n_orientations, cell, block):
    ours = hog(IMAGE, n_orientations=n_orientations, cell=cell, block=block)
    expected = theirs(IMAGE, n_orientations, (cell, cell), (block, block), "L2-Hys", feature_vector=False)
    np.testing.assert_allclose(ours, expected, atol=1e-6)  # they add a cell up in float32
    assert ours.size == hog_size(IMAGE.shape, n_orientations=n_orientations, cell=cell, block=block)


def test_contrast_and_offset_do_not_matter():
    np.testing.assert_allclose(hog(40 * IMAGE - 1000), hog(IMAGE), atol=1e-6)


def test_a_flat_image_has_no_gradients():
    assert not hog(np.full((32, 32), 7, np.uint8)).any()


def test_whole_numbers_do_not_wrap():
    np.testing.assert_array_equal(hog(IMAGE.astype(np.uint8)), hog(IMAGE))


def test_too_small():
    with pytest.raises(InputError, match="smaller than a block"):
        hog(IMAGE[:20])
    with pytest.raises(InputError, match="2 axes"):
        hog(IMAGE[None])


def test_rounding_does_not_lose_the_vote_of_a_level_gradient():
    """Just below 0° the remainder of 180° rounds to 180° itself."""
    y, x = np.indices((24, 24))
    image = np.where(x == 8, -1e-17 * y, x - 8.0)
    votes = hog(image, cell=1, block=1)[1:-1, 8, 0, 0]
    np.testing.assert_allclose(votes[:, 0], 1.0, atol=1e-4)


def voted_by_hand(image, n_orientations, cell):
    """The mean votes of each cell, pixel by pixel, by the angle itself."""
    ny, nx = image.shape
    votes = np.zeros((ny // cell, nx // cell, n_orientations))
    for y, x in np.ndindex(ny // cell * cell, nx // cell * cell):
        dy = image[y + 1, x] - image[y - 1, x] if 0 < y < ny - 1 else 0.0
        dx = image[y, x + 1] - image[y, x - 1] if 0 < x < nx - 1 else 0.0
        angle = math.degrees(math.atan2(dy, dx)) % 180
        votes[y // cell, x // cell, int(angle * n_orientations / 180) % n_orientations] += math.hypot(dy, dx)
    return votes / cell**2


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    n_orientations=st.sampled_from([1, 2, 4, 6, 8, 9, 12, 18]),
    cell=st.integers(1, 6),
    run=st.sampled_from([1, 40, 2**16]),
    few=st.booleans(),
    seed=st.integers(0, 99),
)
def test_as_a_loop_over_all_pixels(shape, n_orientations, cell, run, few, seed):
    """An image of few values has gradients along the ends of sectors, and none."""
    chance = np.random.default_rng(seed)
    shape = tuple(max(n, cell) for n in shape)
    image = chance.integers(0, 3, shape).astype(float) if few else chance.normal(size=shape)
    expected = normalised_blocks(voted_by_hand(image, n_orientations, cell), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "LEAST_RUN", run)
        votes = hog(image, n_orientations=n_orientations, cell=cell, block=1)
    np.testing.assert_allclose(votes, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_orientations", [2, 4, 26, 52, 90])
def test_a_sector_begins_with_its_first_angle(n_orientations):
    """A gradient along 0°, 45°, 90° or 135° lies in the sector that begins there, however 180° is divided."""
    y, x = np.indices((6, 6))
    for eighth, (dy, dx) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1)]):
        for length in (1, 3, -7):
            votes = hog(length * (dy * y + dx * x), n_orientations=n_orientations, cell=2, block=1)[1, 1, 0, 0]
            assert votes.argmax() == eighth * n_orientations // 4


def test_any_number_of_threads_any_order_in_memory_and_what_cannot_be_written():
    image = np.random.default_rng(3).normal(size=(300, 290)).astype(np.float32)
    turned, results = np.asfortranarray(image), [hog(image, cell=7)]
    turned.flags.writeable = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "LEAST_RUN", 1000)
        for n_threads in (1, n_cores()):
            with threads(n_threads):
                results.append(hog(turned, cell=7))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
