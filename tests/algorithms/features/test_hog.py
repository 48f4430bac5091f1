"""HOG in a plane against scikit-image."""

import numpy as np
import pytest
from skimage.data import camera
from skimage.feature import hog as theirs

from scanmill.algorithms.features import hog
from scanmill.algorithms.features.hog import hog_size
from scanmill.errors import InputError

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
