"""The benchmark's pairs: their known map takes voxels to their like, and the judge tells how far a map is from it."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from scanmill.data.transforms import Affine, Translation

DATA = os.environ.get("SCANMILL_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="SCANMILL_DATA is not set: the atlas is not here")


@pytest.fixture(scope="module")
def scenes():
    """The benchmark's module, which is in no package."""
    sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
    try:
        import registration_scenes
    finally:
        sys.path.pop()
    return registration_scenes


@pytest.fixture(scope="module")
def pair(scenes):
    """Affine and deformed, coarse for speed."""
    return scenes.scene("mono", seed=3, spacing_mm=4.0)


def warped(pair, transform, image, order):
    """By SciPy alone: index to mm to index."""
    grid = pair.fixed.geometry
    places = np.linalg.inv(grid.index_to_point) @ np.c_[brain_points(pair, transform), np.ones(pair.mask.array.sum())].T
    return ndimage.map_coordinates(np.asarray(image.array, np.float64), places[2::-1], order=order)


def brain_points(pair, transform):
    x, y, z = np.argwhere(pair.mask.array).T[::-1]
    return transform.map((pair.fixed.geometry.index_to_point @ [x, y, z, np.ones_like(x)])[:3].T)


def test_the_known_map_takes_fixed_voxels_to_their_like(pair):
    fixed, at_rest = pair.fixed.array[pair.mask.array] ** 0.8, Translation((0, 0, 0))
    like, unlike = (np.corrcoef(warped(pair, t, pair.moving, 1), fixed)[0, 1] for t in (pair.truth, at_rest))
    assert like > 0.9
    assert unlike < 0.6
    same = warped(pair, pair.truth, pair.moving_labels, 0) == pair.fixed_labels.array[pair.mask.array]
    assert same.mean() > 0.9


def test_the_truth_is_right_and_the_identity_16_mm_off(scenes, pair):
    right, at_rest = scenes.errors(pair, pair.truth), scenes.errors(pair, Translation((0, 0, 0)))
    assert right.rms == right.p95 == right.folded == 0
    assert right.jacobian_min > 0.2
    assert min(right.dice) > 0.9
    assert 15 < at_rest.rms < 18
    assert max(at_rest.dice) < 0.7


def test_a_distance_from_the_truth_is_told_in_mm(scenes, pair):
    off = scenes.errors(pair, Translation((1.0, -2.0, 2.0)) @ pair.truth)
    assert (off.rms, off.median, off.p95) == pytest.approx((3.0, 3.0, 3.0))


def test_a_map_that_turns_space_over_is_folded_everywhere(scenes, pair):
    over = scenes.errors(pair, Affine(np.diag([-1.0, 1.0, 2.0])))
    assert over.folded == 1
    assert over.jacobian_min == pytest.approx(-2.0)


def test_a_seed_makes_the_same_pair_and_another_seed_another(scenes):
    first, again, other = (scenes.scene("rigid", seed, 4.0).moving.array for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 100
