"""PSNR, SSIM, RMSE and NRMSE against scikit-image; Dice and Matthews against their other definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import metrics
from skimage.data import camera

from scanmill.algorithms.quality import dice, matthews_correlation, nrmse, psnr, rmse, ssim, ssim_map
from scanmill.errors import InputError


def pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    reference = np.cumsum(rng.normal(size=shape), axis=-1)
    return (reference + rng.normal(0, 0.7, shape)).astype(np.float32), reference.astype(np.float32)


@pytest.mark.parametrize("shape", [(40, 50), (14, 20, 30)])
def test_as_scikit_image(shape):
    image, reference = pair(shape)
    span = float(reference.max() - reference.min())
    assert rmse(image, reference) == pytest.approx(math.sqrt(metrics.mean_squared_error(reference, image)), rel=1e-5)
    assert psnr(image, reference) == pytest.approx(
        metrics.peak_signal_noise_ratio(reference, image, data_range=span), rel=1e-6
    )
    for ours, theirs in (("euclidean", "euclidean"), ("range", "min-max"), ("mean", "mean")):
        expected = abs(metrics.normalized_root_mse(reference, image, normalization=theirs))
        assert nrmse(image, reference, normalization=ours) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(40, 50), (14, 20, 30)])
@pytest.mark.parametrize("data_range", [None, 7.0])
def test_ssim_as_scikit_image(shape, data_range):
    image, reference = (a.astype(np.float64) for a in pair(shape))
    span = data_range or float(reference.max() - reference.min())
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": span}
    mean, whole = metrics.structural_similarity(reference, image, full=True, **options)
    assert ssim(image, reference, data_range=data_range) == pytest.approx(mean, abs=1e-10)
    np.testing.assert_allclose(ssim_map(image, reference, data_range=data_range), whole, atol=1e-10)


def test_a_single_plane_counts_as_two_dimensional():
    image, reference = pair((30, 30))
    assert ssim(image[None], reference[None]) == pytest.approx(ssim(image, reference), abs=1e-12)


def test_ssim_falls_with_noise():
    reference, rng = camera().astype(np.float64), np.random.default_rng(0)
    scores = [ssim(reference + rng.normal(0, s, reference.shape), reference) for s in (1, 10, 40)]
    assert 1 > scores[0] > 0.9 > scores[1] > scores[2] > 0.05


def test_a_mask_limits_the_error():
    image, reference = pair((10, 10))
    mask = np.zeros((10, 10), bool)
    mask[3:5, 2:9] = True
    expected = math.sqrt(((image - reference)[mask].astype(np.float64) ** 2).mean())
    assert rmse(image, reference, mask=mask) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(InputError, match="empty"):
        rmse(image, reference, mask=~(mask | ~mask))


def test_equal_images_and_bad_ones():
    image, reference = pair((20, 20))
    assert psnr(image, image) == math.inf
    assert rmse(image, image) == 0
    for measure in (rmse, psnr, ssim, nrmse, dice, matthews_correlation):
        with pytest.raises(InputError, match="shape"):
            measure(image[1:], reference)
    with pytest.raises(InputError, match="range"):
        psnr(image, 0 * reference)
    with pytest.raises(InputError, match="zero"):
        nrmse(image, 0 * reference)
    with pytest.raises(InputError, match="too small"):
        ssim(image[:10], reference[:10])


masks = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(masks)
def test_overlap_by_sets_and_by_correlation(pairs):
    a, b = (np.array(column) for column in zip(*pairs, strict=True))
    inside_a, inside_b = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    size = len(inside_a) + len(inside_b)
    assert dice(a, b) == pytest.approx(2 * len(inside_a & inside_b) / size if size else 1.0)
    constant = a.all() or b.all() or not a.any() or not b.any()
    expected = 0.0 if constant else np.corrcoef(a, b)[0, 1]
    assert matthews_correlation(a.astype(np.uint8) * 3, b) == pytest.approx(expected, abs=1e-12)


def test_matthews_of_a_large_volume_does_not_overflow():
    a = np.zeros((3000, 3000), np.uint8)
    a[:1500] = 1
    assert matthews_correlation(a, a) == 1.0
    assert matthews_correlation(a, 1 - a) == -1.0
