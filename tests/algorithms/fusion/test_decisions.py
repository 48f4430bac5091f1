"""Votes, STAPLE and probabilities, beside SimpleITK and by hand."""

import numpy as np
import pytest
from scipy import ndimage

from scanmill.algorithms.fusion import majority_vote, staple, weighted_probability
from scanmill.errors import InputError, SpecError

sitk = pytest.importorskip("SimpleITK")


def raters(sensitivity, specificity, seed=0, shape=(6, 40, 40)):
    """A truth, and what raters of known quality make of it."""
    rng = np.random.default_rng(seed)
    truth = ndimage.gaussian_filter(rng.normal(size=shape), 3) > 0.02
    chance = [rng.uniform(size=shape) for _ in sensitivity]
    masks = [np.where(truth, c < p, c > q) for c, p, q in zip(chance, sensitivity, specificity, strict=True)]
    return truth, [mask.astype(np.uint8) for mask in masks]


def test_staple_is_that_of_simpleitk():
    _, masks = raters((0.9, 0.8, 0.95, 0.6), (0.95, 0.9, 0.7, 0.99))
    theirs = sitk.STAPLEImageFilter()
    image = theirs.Execute([sitk.GetImageFromArray(mask) for mask in masks])
    ours = staple(masks)
    np.testing.assert_allclose(ours.sensitivity, theirs.GetSensitivity(), atol=2e-5)
    np.testing.assert_allclose(ours.specificity, theirs.GetSpecificity(), atol=2e-5)
    assert abs(ours.probability - sitk.GetArrayFromImage(image)).max() < 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_staple_finds_how_good_the_raters_are(seed):
    p, q = (0.9, 0.8, 0.95, 0.6, 0.85), (0.95, 0.9, 0.7, 0.97, 0.9)
    _, masks = raters(p, q, seed)
    found = staple(masks)
    np.testing.assert_allclose(found.sensitivity, p, atol=0.03)
    np.testing.assert_allclose(found.specificity, q, atol=0.03)


def test_one_good_rater_is_heard_against_two_bad_ones():
    truth, masks = raters((0.98, 0.7, 0.7), (0.98, 0.7, 0.7))
    by_staple, by_vote = ((guess != truth).mean() for guess in (staple(masks).probability > 0.5, majority_vote(masks)))
    assert by_staple < 0.03 < 0.08 < by_vote


def test_raters_that_agree_are_right():
    truth, _ = raters((), ())
    found = staple([truth, truth.astype(np.int16)])
    np.testing.assert_array_equal(found.probability > 0.5, truth)
    assert min(found.sensitivity.min(), found.specificity.min()) > 0.9999
    assert found.n_iterations < 10


def test_votes_are_those_of_simpleitk():
    rng = np.random.default_rng(4)
    votes = [rng.integers(0, 4, (3, 10, 10)).astype(np.uint8) for _ in range(5)]
    theirs = sitk.LabelVoting([sitk.GetImageFromArray(one) for one in votes], 9)
    np.testing.assert_array_equal(majority_vote(votes, undecided=9), sitk.GetArrayFromImage(theirs))


def test_a_weighty_vote_wins():
    votes = [np.array([3, 0]), np.array([1, 1]), np.array([1, 1])]
    assert majority_vote(votes, weights=[5, 1, 1]).tolist() == [3, 0]
    assert majority_vote(votes, weights=[2, 1, 1], undecided=-1).tolist() == [-1, -1]


def test_probabilities_by_hand():
    maps = [np.array([0.8, 1.0]), np.array([0.5, 0.0])]
    np.testing.assert_allclose(weighted_probability(maps, [1, 2]), [0.6, 1 / 3])
    product = np.sqrt(0.8 * 0.5) / (np.sqrt(0.8 * 0.5) + np.sqrt(0.2 * 0.5))
    assert weighted_probability(maps, how="log") == pytest.approx([product, 0.5])


def test_bad_decisions_are_refused():
    mask = np.array([[1, 0]])
    for masks in ([mask], [mask, mask[0]], [mask, 0.5 * mask], [0 * mask, 0 * mask], [mask**0, mask**0]):
        with pytest.raises(InputError):
            staple(masks)
    for masks in ([mask], [mask, mask[0]], [mask, 0.5 * mask]):
        with pytest.raises(InputError):
            majority_vote(masks)
    for bad in (np.array([1.5]), np.array([np.nan]), np.array([[0.5]])):
        with pytest.raises(InputError):
            weighted_probability([np.array([0.5]), bad])
    with pytest.raises(SpecError):
        staple([mask, mask], prior=1.0)
