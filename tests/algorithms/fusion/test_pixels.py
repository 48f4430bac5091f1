"""Fusion of voxels: laws that hold for all methods, and each method beside an independent formula."""

from typing import get_args

import numpy as np
import pytest
from scipy import ndimage

from scanmill.algorithms.filtering.guided_filter import guided_filter
from scanmill.algorithms.fusion import (
    IN_BANDS,
    Method,
    Rule,
    dwt,
    fuse,
    guided_two_scale,
    laplacian_pyramid,
    pca_weights,
    ratio_pyramid,
    saliency_weighted,
    shearlets,
    swt,
    unit_ranges,
    weighted_average,
)
from scanmill.errors import InputError, SpecError

pywt = pytest.importorskip("pywt")
METHODS = get_args(Method)
SHAPES = [(1, 33, 40), (12, 20, 17)]


def images(shape=(1, 33, 40), n=2, dtype=np.float64):
    rng = np.random.default_rng(7)
    return [ndimage.gaussian_filter(rng.normal(size=shape), [0, 1.5, 1.5]).astype(dtype) for _ in range(n)]


def two_halves(shape=(1, 64, 64)):
    """A textured image, blurred in its left half and in its right half."""
    rng = np.random.default_rng(8)
    sharp = ndimage.gaussian_filter(rng.normal(size=shape), [0, 1, 1])
    blurred = ndimage.gaussian_filter(sharp, [0, 4, 4])
    is_left = np.arange(shape[-1]) < shape[-1] // 2
    return sharp, [np.where(is_left, sharp, blurred), np.where(is_left, blurred, sharp)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_an_image_fused_with_itself_is_itself(method, shape, dtype, bound):
    [image] = images(shape, 1, dtype)
    fused = fuse([image, image, image], method)
    assert fused.dtype == dtype
    assert np.linalg.norm(fused - image) <= bound * np.linalg.norm(image)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_the_images_does_not_matter(method, shape):
    a, b, c = images(shape, 3)
    np.testing.assert_allclose(fuse([a, b, c], method), fuse([c, a, b], method), atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_more_light_in_all_images_is_more_light_in_the_fused_one(method):
    a, b = images()
    fused, brighter = fuse([a, b], method, clip=False), fuse([2 * a + 3, 2 * b + 3], method, clip=False)
    np.testing.assert_allclose(brighter, 2 * fused + 3, atol=1e-9)


@pytest.mark.parametrize("method", sorted({*IN_BANDS, "guided", "saliency"}))
def test_what_is_sharp_in_one_image_is_sharp_in_the_fused_one(method):
    truth, blurred = two_halves()
    error = [np.linalg.norm(image - truth) for image in (fuse(blurred, method), *blurred, fuse(blurred, "average"))]
    assert error[0] < 0.5 * min(error[1:])


@pytest.mark.parametrize("rule", get_args(Rule))
@pytest.mark.parametrize("method", sorted(IN_BANDS - {"ratio"}))
def test_rules_apply_and_the_average_of_bands_is_that_of_images(method, rule):
    a, b = images()
    fused = fuse([a, b], method, rule=rule, clip=False)
    away = np.linalg.norm(fused - (a + b) / 2) / np.linalg.norm(a + b)
    assert away < 1e-12 if rule == "average" else away > 0.05


@pytest.mark.parametrize("method", METHODS)
def test_a_fused_image_stays_within_the_range_of_its_images(method):
    a, b = images()
    fused = fuse([10 * a, b - 5], method)
    assert fused.min() >= min((10 * a).min(), (b - 5).min())
    assert fused.max() <= max((10 * a).max(), (b - 5).max())


def test_weights_are_shares():
    a, b = images()
    np.testing.assert_allclose(weighted_average([a, b], [1, 3]), a / 4 + 3 * b / 4)
    for weights in ([1], [-1, 2], [0, 0], [1, np.nan]):
        with pytest.raises(SpecError):
            weighted_average([a, b], weights)


def test_pca_weights_by_hand():
    # covariance [[4, 1], [1, 4]] has the leading vector (1, 1); [[9, 0], [0, 4]] has (1, 0)
    a, b = np.array([2.0, -2.0, 2.0, -2.0]), np.array([2.0, 2.0, -2.0, -2.0])
    np.testing.assert_allclose(pca_weights([2 * a, b]), [1, 0], atol=1e-9)
    np.testing.assert_allclose(pca_weights([a + b / 4, a / 4 + b]), [0.5, 0.5])
    np.testing.assert_allclose(pca_weights([a + b / 4, -a / 4 - b]), [0.5, 0.5])  # of opposite contrast


def dense_reduction(n):
    """The matrix of one REDUCE: the five weights at every second sample, mirrored at the ends."""
    matrix = np.zeros(((n + 1) // 2, n))
    for k in range(len(matrix)):
        for offset, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
            i = abs(2 * k + offset)
            matrix[k, i if i < n else 2 * (n - 1) - i] += weight / 16
    return matrix


def dense_expansion(n):
    """EXPAND: twice the transposed weights, mirrored in the finer grid."""
    matrix = np.zeros((n, (n + 1) // 2))
    for i in range(n):
        for offset, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
            j = abs(i + offset)
            j = j if j < n else 2 * (n - 1) - j
            if j % 2 == 0:
                matrix[i, j // 2] += weight / 8
    return matrix


def test_one_level_of_the_pyramid_is_burt_and_adelsons():
    a, b = (image[0] for image in images((1, 17, 22)))
    down, up = [dense_reduction(n) for n in a.shape], [dense_expansion(n) for n in a.shape]

    def coarse(image):
        return down[0] @ image @ down[1].T

    def finer(image):
        return up[0] @ image @ up[1].T

    la, lb = a - finer(coarse(a)), b - finer(coarse(b))
    expected = np.where(abs(la) >= abs(lb), la, lb) + finer((coarse(a) + coarse(b)) / 2)
    np.testing.assert_allclose(laplacian_pyramid([a, b], n_levels=1), expected, atol=1e-12)


def test_the_ratio_pyramid_takes_the_greater_contrast():
    a, b = (np.exp(image[0]) for image in images((1, 17, 22)))
    down, up = [dense_reduction(n) for n in a.shape], [dense_expansion(n) for n in a.shape]
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    shift = 0.05 * (high - low) - low
    coarse = [down[0] @ (image + shift) @ down[1].T for image in (a, b)]
    contrast = [(image + shift) / (up[0] @ g @ up[1].T) - 1 for image, g in zip((a, b), coarse, strict=True)]
    chosen = np.where(abs(contrast[0]) >= abs(contrast[1]), *contrast)
    expected = (chosen + 1) * (up[0] @ sum(coarse) @ up[1].T / 2) - shift
    np.testing.assert_allclose(ratio_pyramid([a, b], n_levels=1), expected, atol=1e-10)


@pytest.mark.parametrize("wavelet", ["haar", "db2"])
def test_dwt_is_that_of_pywavelets(wavelet):
    """Of periodic, even images: ours and theirs place the samples differently, by a shift of all coefficients."""
    a, b = (image[0] for image in images((1, 32, 32)))
    shift = len(pywt.Wavelet(wavelet).dec_lo) // 2 - 1  # theirs begins so many samples earlier

    def transform(image):
        return pywt.dwt2(np.roll(image, (shift, shift), (0, 1)), wavelet, mode="periodization")

    (smooth_a, details_a), (smooth_b, details_b) = transform(a), transform(b)
    chosen = tuple(np.where(abs(x) >= abs(y), x, y) for x, y in zip(details_a, details_b, strict=True))
    fused = pywt.idwt2(((smooth_a + smooth_b) / 2, chosen), wavelet, mode="periodization")
    expected = np.roll(fused, (-shift, -shift), (0, 1))
    np.testing.assert_allclose(dwt([a, b], n_levels=1, wavelet=wavelet), expected, atol=1e-10)


def test_swt_is_that_of_pywavelets():
    a, b = (image[0] for image in images((1, 32, 32)))

    def transform(image):
        return pywt.swt2(image, "haar", level=2, trim_approx=True, norm=True)

    coefficients_a, coefficients_b = transform(a), transform(b)
    fused = [(coefficients_a[0] + coefficients_b[0]) / 2]
    for level_a, level_b in zip(coefficients_a[1:], coefficients_b[1:], strict=True):
        fused.append(tuple(np.where(abs(x) >= abs(y), x, y) for x, y in zip(level_a, level_b, strict=True)))
    expected = pywt.iswt2(fused, "haar", norm=True)
    np.testing.assert_allclose(swt([a, b], n_levels=2, wavelet="haar"), expected, atol=1e-10)


@pytest.mark.parametrize("method", [swt, shearlets])
def test_methods_without_decimation_move_with_the_images(method):
    a, b = images((1, 32, 32))
    moved = method([np.roll(a, (3, 5), (1, 2)), np.roll(b, (3, 5), (1, 2))])
    np.testing.assert_allclose(moved, np.roll(method([a, b]), (3, 5), (1, 2)), atol=1e-12)


def test_shearlets_of_a_stack_are_those_of_its_slices():
    a, b = images((3, 24, 20))
    one_by_one = [shearlets([a[z], b[z]]) for z in range(3)]
    np.testing.assert_allclose(shearlets([a, b]), one_by_one, atol=1e-12)


def literal_guided_filter(p, guide, radius, epsilon):
    """He's equations, window by window, on mirrored images."""
    p, g = (np.pad(v, 2 * radius, mode="symmetric") for v in (p, guide))
    a, b = np.zeros_like(p), np.zeros_like(p)
    for i in range(radius, p.shape[0] - radius):
        for j in range(radius, p.shape[1] - radius):
            window = np.s_[i - radius : i + radius + 1, j - radius : j + radius + 1]
            mean_g, mean_p = g[window].mean(), p[window].mean()
            a[i, j] = ((g[window] * p[window]).mean() - mean_g * mean_p) / (g[window].var() + epsilon)
            b[i, j] = mean_p - a[i, j] * mean_g
    out = np.zeros(guide.shape)
    for i, j in np.ndindex(*guide.shape):
        window = np.s_[i + radius : i + 3 * radius + 1, j + radius : j + 3 * radius + 1]
        out[i, j] = a[window].mean() * guide[i, j] + b[window].mean()
    return out


def test_the_guided_filter_is_hes():
    p, guide = (image[0] for image in images((1, 13, 11)))
    ours = guided_filter(p, guide, radius=2, epsilon=0.01)
    np.testing.assert_allclose(ours, literal_guided_filter(p, guide, 2, 0.01), atol=1e-10)
    with pytest.raises(InputError):
        guided_filter(p, guide[1:], radius=2, epsilon=0.01)


def test_guided_weights_are_shares_so_that_the_fusion_lies_between_its_layers():
    [a] = images(n=1)
    fused = guided_two_scale([a, a + 1])
    assert (fused > a - 0.5).all()
    assert (fused < a + 1.5).all()


def test_saliency_takes_the_image_that_has_the_edge():
    a, b = np.zeros((1, 20, 20)), np.zeros((1, 20, 20))
    a[:, 8:12, 2:6], b[:, 8:12, 14:18] = 1, 1
    fused = saliency_weighted([a, b])
    assert fused[0, 10, 4] > 0.95
    assert fused[0, 10, 16] > 0.95
    assert abs(fused[0, 0]).max() < 1e-3


def test_unit_ranges_put_percentiles_at_zero_and_one():
    a, b = images()
    scaled = unit_ranges([1000 * a - 300, b], (10, 90))
    np.testing.assert_allclose(
        scaled[0], np.clip((a - np.percentile(a, 10)) / np.ptp(np.percentile(a, [10, 90])), 0, 1)
    )
    sparse = np.zeros_like(b)
    sparse[0, 3, 3] = 8
    assert unit_ranges([sparse, b])[0].max() == 1


@pytest.mark.parametrize("method", METHODS)
def test_bad_images_are_refused(method):
    a, b = images()
    broken, endless = b.copy(), b.copy()
    broken[0, 4, 4], endless[0, 4, 4] = np.nan, np.inf
    for bad in ([a], [], [a, b[:, 1:]], [a, b[0]], [a, np.repeat(b, 2, axis=0)], [a, broken], [a, endless],
                [a, np.ones_like(a)], [a, b + 1j]):  # fmt: skip
        with pytest.raises(InputError):
            fuse(bad, method)


def test_an_unknown_wish_is_refused():
    for wish in ({"method": "magic"}, {"rule": "loudest"}, {"base": "loudest"}):
        with pytest.raises(SpecError):
            fuse(images(), **{"method": "laplacian", **wish})
