"""HOG in space: its icosahedron, single gradients, and the 48 turns and mirrors of a cube."""

import itertools

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from scanmill.algorithms.features import hog_3d
from scanmill.algorithms.features.hog_3d import NEIGHBOURS, hog_3d_size, icosahedron_faces
from scanmill.errors import InputError


def test_the_faces_are_those_of_an_icosahedron():
    normals = icosahedron_faces(signed=True)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    cosines = np.sort(normals @ normals.T, axis=1)[:, ::-1]
    np.testing.assert_allclose(cosines[:, 1:4], NEIGHBOURS)  # three neighbours each, all at the same angle
    assert (cosines[:, 4] < NEIGHBOURS - 0.1).all()
    solid = ConvexHull(normals)  # its dual is the dodecahedron, of 12 pentagons in three triangles each
    assert len(solid.vertices) == 20
    assert len(np.unique(solid.equations.round(6), axis=0)) == 12
    half = icosahedron_faces()
    assert sorted(map(tuple, np.concatenate([half, -half]).round(9))) == sorted(map(tuple, normals.round(9)))


@pytest.mark.parametrize("signed", [False, True])
def test_a_gradient_along_a_face_votes_for_it_alone(signed):
    grid = np.indices((12, 12, 12)).reshape(3, -1)
    for k, normal in enumerate(icosahedron_faces(signed=signed)):
        ramp = (normal @ grid).reshape(12, 12, 12)
        votes = hog_3d(ramp, cell=4, block=1, signed=signed)[1, 1, 1].ravel()
        assert votes.argmax() == k
        assert votes[k] == pytest.approx(1.0, abs=1e-4)
        assert np.delete(votes, k).max() < 1e-6
        falling = hog_3d(-ramp, cell=4, block=1, signed=signed)[1, 1, 1].ravel()
        assert (falling.argmax() == k) != signed


def test_the_votes_of_a_gradient_between_faces_have_its_length():
    """Before the blocks are normalised; a gradient along z lies between two faces (of ten) alike."""
    volume = np.tile(np.arange(12.0)[:, None, None], (1, 12, 12))
    votes = hog_3d(volume, cell=4, block=1)[1, 1, 1].ravel()
    used = votes[votes > 1e-6]
    np.testing.assert_allclose(used, np.full(2, 0.5**0.5), atol=1e-4)


def test_mirrored_volumes_have_mirrored_histograms():
    volume = np.random.default_rng(0).normal(size=(8, 8, 8))
    plain = np.sort(hog_3d(volume, cell=4, block=2).reshape(8, 10), axis=1)
    for order, flips in itertools.product([(0, 1, 2), (1, 2, 0), (2, 0, 1)], itertools.product((1, -1), repeat=3)):
        turned = volume.transpose(order)[tuple(slice(None, None, f) for f in flips)]
        votes = np.sort(hog_3d(turned, cell=4, block=2).reshape(8, 10), axis=1)
        np.testing.assert_allclose(np.sort(votes, axis=0), np.sort(plain, axis=0), atol=1e-10)


def test_contrast_does_not_matter_and_flat_is_nothing():
    volume = np.random.default_rng(0).normal(size=(16, 17, 24))
    np.testing.assert_allclose(hog_3d(100 * volume + 5), hog_3d(volume), atol=1e-5)
    assert not hog_3d(np.ones((16, 16, 16))).any()
    assert hog_3d(volume).size == hog_3d_size(volume.shape) == 2 * 8 * 10
    assert hog_3d(volume, signed=True).size == hog_3d_size(volume.shape, signed=True)


def test_too_small():
    with pytest.raises(InputError, match="smaller than a block"):
        hog_3d(np.ones((8, 16, 16)))
    with pytest.raises(InputError, match="3 axes"):
        hog_3d(np.ones((16, 16)))
