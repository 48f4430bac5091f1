"""Local matching on measured slices moved by a known transform, and on slices that have nothing in common."""

import os
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK
from scipy.ndimage import affine_transform, map_coordinates
from skimage.data import camera
from skimage.transform import SimilarityTransform, estimate_transform

from scanmill.algorithms.matching import (
    Keypoints,
    consensus,
    dense_match,
    keypoints,
    match,
    mutual_matches,
    reranked,
    why_alike,
)
from scanmill.errors import InputError

TURN, SCALE, SHIFT = np.radians(17.0), 1.15, (-12.0, 9.0)
MATRIX = np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]]) * SCALE
RNG = np.random.default_rng(2)


def moved(image, noise=0.02):
    """The image seen through x' = MATRIX (x − c) + c + SHIFT, with noise: a pixel asks where it came from."""
    center = np.array(image.shape[::-1]) / 2
    back = np.linalg.inv(MATRIX)
    offset = center - back @ (center + SHIFT)
    seen = affine_transform(image.astype(float), back[::-1, ::-1], offset[::-1], order=3)
    return seen + np.random.default_rng(0).normal(0, noise * np.ptp(image), image.shape)


def true_places(points, shape):
    center = np.array(shape[::-1]) / 2
    return (points - center) @ MATRIX.T + center + SHIFT


@pytest.fixture(scope="module")
def slices(data_folder):
    folder = data_folder / "seg_radiomics_nrrd"
    if not (folder / "brain1_image.nrrd").is_file():
        pytest.skip("the set seg_radiomics_nrrd is absent")
    brains = [SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(folder / f"brain{n}_image.nrrd")) for n in (1, 2)]
    return [brains[0][12], brains[1][11], brains[0][13]]


@pytest.mark.parametrize("model", ["similarity", "affine"])
def test_an_imposed_movement_of_a_measured_slice_is_found(slices, model):
    for image in slices[:2]:
        found = match(keypoints(image), keypoints(moved(image)), model=model)
        assert found.n_inliers >= 80
        assert found.is_verified
        corners = np.array([[60.0, 60.0], [190.0, 70.0], [80.0, 200.0], [180.0, 190.0]])
        error = np.hypot(*(found.consensus.map(corners) - true_places(corners, image.shape)).T)
        assert error.max() < 0.5
        assert found.score > 0.25


def test_unrelated_slices_agree_on_little(slices):
    photograph = camera()[::2, ::2]
    for first, second in ((slices[0], photograph), (slices[1], photograph)):
        found = match(keypoints(first), keypoints(second))
        assert found.n_inliers <= 6
        assert not found.is_verified
        assert found.score < 0.05


def test_a_slice_and_its_neighbour_are_more_alike_than_slices_of_two_heads(slices):
    near = match(keypoints(slices[0]), keypoints(slices[2]))
    far = match(keypoints(slices[0]), keypoints(slices[1]))
    assert near.score > 2 * far.score
    assert near.n_inliers > 2 * far.n_inliers


def test_matches_are_the_same_both_ways(slices):
    a, b = keypoints(slices[0]), keypoints(moved(slices[0]))
    there, back = mutual_matches(a, b), mutual_matches(b, a)
    assert len(there) > 20
    assert {tuple(pair) for pair in there.pairs.tolist()} == {tuple(pair[::-1]) for pair in back.pairs.tolist()}


@pytest.mark.parametrize("model", ["similarity", "affine"])
def test_consensus_is_the_least_squares_of_its_inliers(model):
    """Of scikit-image (Umeyama) for a similarity, of NumPy for an affine model."""
    truth = SimilarityTransform(scale=0.8, rotation=1.1, translation=(30, -7))
    a = RNG.uniform(0, 200, size=(60, 2))
    b = truth(a) + RNG.normal(0, 0.5, a.shape)
    b[:25] = RNG.uniform(0, 200, size=(25, 2))
    found = consensus(a, b, model=model)
    assert found.is_inlier[25:].all()
    kept = found.is_inlier
    expected = np.linalg.lstsq(np.column_stack([a[kept], np.ones(kept.sum())]), b[kept])[0].T
    if model == "similarity":
        expected = estimate_transform(model, a[kept], b[kept]).params[:2]
    np.testing.assert_allclose(found.matrix, expected, atol=1e-8)
    again = consensus(a, b, model=model)
    assert again.matrix.tobytes() == found.matrix.tobytes()


def test_a_mirror_image_is_not_the_same():
    a = RNG.uniform(0, 200, size=(30, 2))
    found = consensus(a, a * (-1, 1))
    assert found is None or found.n_inliers < 8


BYTES = """
import hashlib, sys
import cv2
import numpy as np
cv2.setNumThreads(int(sys.argv[1]))
from scanmill.algorithms.matching import keypoints, match
y, x = np.mgrid[:200, :200]
rng = np.random.default_rng(0)
image = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * c**2)) for a, b, c in rng.uniform((0, 0, 2), (200, 200, 9), (90, 3)))
a, b = keypoints(image), keypoints(image[10:])
found = match(a, b)
print(len(a), hashlib.sha256(a.descriptors.tobytes() + a.points.tobytes() + found.consensus.matrix.tobytes()).hexdigest())
"""  # noqa: E501


def test_the_bytes_do_not_depend_on_the_number_of_threads():
    done = [
        subprocess.run([sys.executable, "-c", BYTES, n], env=os.environ, capture_output=True, text=True, check=True)
        for n in ("1", "3")
    ]
    assert done[0].stdout == done[1].stdout
    assert int(done[0].stdout.split()[0]) > 20


def test_a_known_bending_is_followed_where_there_is_texture():
    """A smooth bending of up to 4 pixels that no similarity explains: at most half as far off as the consensus."""
    image = camera()[100:356, 100:356].astype(float)
    y, x = np.indices(image.shape)
    bend = 4 * np.sin(2 * np.pi * y / 256) * np.sin(2 * np.pi * x / 256)
    bent = map_coordinates(image, [y, x - bend], order=3, mode="nearest")  # what was at x now lies near x + bend
    found = match(keypoints(image), keypoints(bent), tolerance=5.0)
    dense = dense_match(image, bent, found)
    true = np.stack([x + bend, y * 1.0], axis=-1)
    rim = (slice(20, -20), slice(20, -20))
    sure = dense.ncc[rim] > 0.9
    error = np.hypot(*np.moveaxis(dense.places - true, -1, 0))[rim]
    guess = found.consensus.map(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(*x.shape, 2)
    alone = np.hypot(*np.moveaxis(guess - true, -1, 0))[rim]
    assert sure.mean() > 0.5
    assert np.median(error[sure]) < 0.6
    assert error[sure].mean() < 0.5 * alone[sure].mean()


def test_reranking_puts_the_same_slice_first(slices):
    asked = keypoints(moved(slices[0]))
    answers = [keypoints(image) for image in (camera()[::2, ::2], slices[1], slices[0])]
    likeness = np.array([0.90, 0.89, 0.88])
    assert reranked(asked, answers, likeness)[0] == 2
    assert reranked(asked, answers, likeness, weight=0.0).tolist() == [0, 1, 2]


def test_the_picture_has_a_line_for_each_inlier(slices):
    image = slices[0]
    found = match(keypoints(image), keypoints(moved(image)))
    sheet = why_alike(image, moved(image), found, zoom=2)
    assert sheet.shape == (512, 512 + 8 + 512, 3)
    assert sheet.dtype == np.uint8
    coloured = sheet.max(axis=2) != sheet.min(axis=2)
    assert 0.005 < coloured.mean() < 0.3
    assert coloured[:, 512:520].any()
    none = why_alike(image, image, match(keypoints(np.zeros((20, 20))), keypoints(image)))
    assert (none.max(axis=2) == none.min(axis=2)).all()


def test_images_without_points():
    flat = keypoints(np.full((40, 40), 7.0))
    assert (len(flat), flat.descriptors.shape) == (0, (0, 128))
    found = match(flat, keypoints(camera()))
    assert (found.consensus, found.score, found.n_inliers) == (None, 0.0, 0)
    with pytest.raises(InputError, match="consensus"):
        dense_match(camera(), camera(), found)
    for image in (np.zeros((4, 40)), np.zeros((2, 40, 40))):
        with pytest.raises(InputError, match="one plane"):
            keypoints(image)
    with pytest.raises(InputError, match="finite"):
        keypoints(np.full((40, 40), np.nan))
    with pytest.raises(InputError, match="its likeness"):
        reranked(flat, [flat], np.array([np.nan]))
    with pytest.raises(InputError, match="pairs"):
        consensus(np.zeros((3, 2)), np.zeros((4, 2)))
    assert consensus(np.zeros((1, 2)), np.zeros((1, 2))) is None
    assert consensus(np.zeros((9, 2)), RNG.uniform(0, 99, (9, 2))) is None
    assert len(mutual_matches(flat, Keypoints(np.zeros((1, 2)), np.ones((1, 128), np.float32)))) == 0
