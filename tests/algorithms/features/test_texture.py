"""Co-occurrence against scikit-image in planes, and by hand in space."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import graycomatrix, graycoprops

from scanmill.algorithms.features import cooccurrence, cooccurrence_matrices, texture_features
from scanmill.algorithms.features.cooccurrence import directions
from scanmill.errors import InputError
from scanmill.kernels.launch import threads
from scanmill.kernels.pieces import n_threads as n_cores

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


def counted_by_hand(levels, n_levels, distance):
    """Every pair of voxels that a direction joins, both ways, one after another."""
    counts = np.zeros((len(directions(levels.ndim)), n_levels, n_levels), np.int64)
    for one, step in zip(counts, directions(levels.ndim), strict=True):
        for here, a in np.ndenumerate(levels):
            there = tuple(np.add(here, np.multiply(distance, step)))
            if all(0 <= at < n for at, n in zip(there, levels.shape, strict=True)) and a > 0 and levels[there] > 0:
                one[a - 1, levels[there] - 1] += 1
                one[levels[there] - 1, a - 1] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    dtype=st.sampled_from(["u1", "i2", "i4", "i8", "u8", ">i4"]),
    distance=st.integers(1, 7),
    more=st.integers(0, 2),
    run=st.sampled_from([1, 7, 2**18]),
    seed=st.integers(0, 99),
)
def test_as_a_loop_over_all_voxels(shape, dtype, distance, more, run, seed):
    levels = np.random.default_rng(seed).integers(0, 4, shape).astype(dtype)[..., ::-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "_run", lambda levels, n_counters: run)
        counts = cooccurrence_matrices(levels, 3 + more, distance=distance)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, counted_by_hand(levels, 3 + more, distance))


def test_any_number_of_threads_counts_the_same():
    levels = np.random.default_rng(2).integers(0, 9, size=(40, 130, 70))
    results = []
    for n_threads in (1, n_cores()):
        with threads(n_threads):
            results.append(cooccurrence_matrices(levels, 8))
    np.testing.assert_array_equal(*results)
    pairs = ((levels[1:] > 0) & (levels[:-1] > 0)).sum()
    assert results[0][directions(3).index((1, 0, 0))].sum() == 2 * pairs


def test_tables_stay_small_beside_what_they_count():
    """Many levels make long bands: beyond the first, at most a byte of counters for a voxel; none of them runs over."""
    for n_counters in (4 * 3**2, 13 * 33**2, 13 * 1025**2):
        assert max(4 * n_counters, cooccurrence.LEAST_RUN) <= cooccurrence._run(LEVELS, n_counters)
    assert cooccurrence._run(LEVELS, 4 * 60_000**2) < 2**31


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
    for levels, n_levels in ((LEVELS, 3), (-LEVELS, 6), (LEVELS - 9, None), (0 * LEVELS, None), (LEVELS, 70_000)):
        with pytest.raises(InputError, match="outside"):
            cooccurrence_matrices(levels, n_levels)
    with pytest.raises(InputError, match="integer"):
        cooccurrence_matrices(LEVELS / 2)
