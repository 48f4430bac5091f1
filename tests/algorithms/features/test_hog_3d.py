"""HOG in space: its icosahedron, single gradients, and the 48 turns and mirrors of a cube."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from scanmill.algorithms.features import cells, hog_3d
from scanmill.algorithms.features.cells import normalised_blocks
from scanmill.algorithms.features.hog_3d import NEIGHBOURS, hog_3d_size, icosahedron_faces
from scanmill.errors import InputError
from scanmill.kernels.launch import threads
from scanmill.kernels.pieces import n_threads as n_cores


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


def voted_by_hand(volume, signed, cell):
    """The mean votes of each cell by the paper's words, voxel by voxel."""
    faces = icosahedron_faces(signed=signed)
    votes = np.zeros((*(n // cell for n in volume.shape), len(faces)))
    padded = np.pad(volume, 1)
    for at in np.ndindex(*(n // cell * cell for n in volume.shape)):
        gradient = np.zeros(3)
        for axis, (i, n) in enumerate(zip(at, volume.shape, strict=True)):
            if 0 < i < n - 1:
                ahead = np.add(at, 1) + np.eye(3, dtype=int)[axis]
                gradient[axis] = padded[tuple(ahead)] - padded[tuple(2 * np.add(at, 1) - ahead)]
        length = np.linalg.norm(gradient)
        if length > 0:
            cosines = faces @ gradient / length
            vote = np.maximum((cosines if signed else abs(cosines)) - NEIGHBOURS, 0)
            votes[tuple(i // cell for i in at)] += length * vote / np.linalg.norm(vote)
    return votes / cell**3


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    cell=st.integers(1, 4),
    signed=st.booleans(),
    run=st.sampled_from([1, 20, 2**16]),
    few=st.booleans(),
    seed=st.integers(0, 99),
)
def test_as_a_loop_over_all_voxels(shape, cell, signed, run, few, seed):
    chance = np.random.default_rng(seed)
    shape = tuple(max(n, cell) for n in shape)
    volume = chance.integers(0, 3, shape).astype(float) if few else chance.normal(size=shape)
    expected = normalised_blocks(voted_by_hand(volume, signed, cell), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "LEAST_RUN", run)
        votes = hog_3d(volume, cell=cell, block=1, signed=signed)
    np.testing.assert_allclose(votes, expected, rtol=0, atol=1e-12)


def test_any_number_of_threads_gives_the_same():
    volume, results = np.random.default_rng(3).normal(size=(50, 60, 45)), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "LEAST_RUN", 2**13)
        for n_threads in (1, n_cores()):
            with threads(n_threads):
                results.append(hog_3d(volume, cell=7))
    np.testing.assert_array_equal(*results)
