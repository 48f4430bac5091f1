"""Co-occurrence against scikit-image in planes, and by hand in space."""

import numpy as np
import pytest
from skimage.feature import graycomatrix, graycoprops

from scanmill.algorithms.features import cooccurrence_matrices, texture_features
from scanmill.algorithms.features.cooccurrence import directions
from scanmill.errors import InputError

LEVELS = np.random.default_rng(0).integers(1, 7, size=(24, 31))
ANGLES = {(0, 1): 0.0, (1, -1): -np.pi / 4, (1, 0): np.pi / 2, (1, 1): np.pi / 4}


@pytest.mark.parametrize("distance", [1, 2])
def test_a_plane_as_scikit_image(distance):
    """Its diagonal neighbours lie on a circle, so only distances whose circle meets the same pixels compare."""
    counts = cooccurrence_matrices(LEVELS, distance=distance)
    for one, step in zip(counts, directions(2), strict=True):
        reach = distance * np.hypot(*step)
        theirs = graycomatrix((LEVELS - 1).astype(np.uint8), [reach], [ANGLES[step]], levels=6, symmetric=True)
        np.testing.assert_array_equal(one, theirs[:, :, 0, 0])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("contrast", "contrast"),
        ("dissimilarity", "dissimilarity"),
        ("inverse_difference_moment", "homogeneity"),
        ("angular_second_moment", "ASM"),
        ("correlation", "correlation"),
        ("joint_entropy", "entropy"),
    ],
)
def test_properties_as_scikit_image(ours, theirs):
    counts = cooccurrence_matrices(LEVELS)
    normalised = (counts / counts.sum(axis=(1, 2), keepdims=True)).transpose(1, 2, 0)[:, :, None, :]
    expected = graycoprops(normalised, theirs)[0]
    if theirs == "entropy":
        expected = expected / np.log(2)  # theirs are nats
    averaged = texture_features(counts, aggregation="averaged")
    assert averaged[ours] == pytest.approx(expected.mean(), rel=1e-10)


def test_space_counts_every_pair_once_in_each_sense():
    levels = np.random.default_rng(1).integers(0, 4, size=(3, 4, 5))
    counts = np.zeros((3, 3))
    places = np.argwhere(levels > 0)
    for a in places:
        for b in places:
            if abs(a - b).max() == 1:
                counts[levels[tuple(a)] - 1, levels[tuple(b)] - 1] += 1
    np.testing.assert_array_equal(cooccurrence_matrices(levels).sum(axis=0), counts)


def test_a_volume_of_one_plane_is_a_plane():
    alone = texture_features(cooccurrence_matrices(LEVELS))
    assert texture_features(cooccurrence_matrices(LEVELS[None])) == pytest.approx(alone)
    averaged = texture_features(cooccurrence_matrices(LEVELS[None]), aggregation="averaged")
    assert averaged == pytest.approx(texture_features(cooccurrence_matrices(LEVELS), aggregation="averaged"))


def test_turning_an_image_does_not_change_its_texture():
    turned = texture_features(cooccurrence_matrices(np.rot90(LEVELS)))
    assert turned == pytest.approx(texture_features(cooccurrence_matrices(LEVELS)))


def test_stripes_and_a_flat_region():
    stripes = np.tile([1, 2], (8, 4))
    across = texture_features(cooccurrence_matrices(stripes)[:1])
    assert across["contrast"] == 1.0
    assert across["correlation"] == pytest.approx(-1.0)
    assert across["information_correlation_1"] == pytest.approx(-1.0)
    flat = texture_features(cooccurrence_matrices(np.ones((4, 4), int)))
    assert (flat["joint_entropy"], flat["correlation"], flat["information_correlation_2"]) == (0.0, 1.0, 0.0)


def test_no_pairs_and_wrong_levels():
    with pytest.raises(InputError, match="neighbours"):
        texture_features(cooccurrence_matrices(np.array([[1, 0], [0, 0]])))
    with pytest.raises(InputError, match="outside"):
        cooccurrence_matrices(LEVELS, 3)
    with pytest.raises(InputError, match="integer"):
        cooccurrence_matrices(LEVELS / 2)
