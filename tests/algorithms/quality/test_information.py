"""Entropy and mutual information, by hand and beside scikit-image."""

import math

import numpy as np
import pytest
from skimage.measure import shannon_entropy
from skimage.metrics import normalized_mutual_information as peer_nmi

from scanmill.algorithms.quality import entropy, mutual_information, normalized_mutual_information
from scanmill.errors import InputError


def test_equal_shares_have_the_logarithm_of_their_number():
    assert entropy(np.arange(256.0), limits=(0, 255)) == pytest.approx(8)
    assert entropy(np.full((4, 4), 3.0)) == 0


def test_grey_values_have_a_bin_each():
    image = np.random.default_rng(0).integers(0, 256, (50, 40)).astype(np.uint8)
    assert entropy(image, limits=(0, 255)) == pytest.approx(shannon_entropy(image, base=2), abs=1e-12)


def test_a_joint_table_by_hand():
    # pairs: (0,0) 1/2, (1,0) 1/4, (1,1) 1/4: H(A) = 1, H(B) = 2 - 3/4 log2 3, H(A,B) = 3/2
    a, b = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0])
    of_b = 2 - 0.75 * math.log2(3)
    assert mutual_information(a, b, n_bins=2) == pytest.approx(1 + of_b - 1.5)
    assert normalized_mutual_information(a, b, n_bins=2) == pytest.approx(2 * (1 + of_b - 1.5) / (1 + of_b))


def test_the_share_is_that_of_scikit_image():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(3, 20, 20))
    b = a + rng.normal(size=a.shape)
    theirs = peer_nmi(a, b, bins=19)  # (H(A) + H(B)) / H(A, B)
    assert normalized_mutual_information(a, b, n_bins=19) == pytest.approx(2 * (1 - 1 / theirs))


def test_what_lies_outside_the_limits_counts_at_the_ends():
    assert entropy(np.array([-9.0, 0.0, 1.0, 99.0]), n_bins=2, limits=(0, 1)) == 1


def test_bad_images_are_refused():
    with pytest.raises(InputError):
        mutual_information(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)))
    with pytest.raises(InputError):
        normalized_mutual_information(np.zeros(4), np.ones(4))
