"""Homodyne detection and POCS."""

import numpy as np
import pytest

import brain8
from scanmill.algorithms.reconstruction.mr import homodyne, pocs, root_sum_of_squares, zero_filled
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.operators.fourier import FourierOp
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.phantoms.sampling_masks import partial_fourier
from scanmill.phantoms.shepp_logan import shepp_logan_2d


def real_object(shape, phase=0.7):
    """K-space and image of random real numbers of both signs with one phase, without the Nyquist frequency."""
    fourier = FourierOp(shape, dtype=np.complex128)
    k = fourier(np.random.default_rng(0).standard_normal(shape).astype(complex))
    for axis in (-3, -2, -1):
        if shape[axis] % 2 == 0:
            np.moveaxis(k, axis, 0)[0] = 0
    return k * np.exp(1j * phase), fourier.H(k) * np.exp(1j * phase)


def mask_along(axis, n, fraction, *, is_flipped=False):
    lines = partial_fourier(n, fraction)
    shape = [1, 1, 1]
    shape[axis] = n
    return (lines[::-1] if is_flipped else lines).reshape(shape)


@pytest.mark.parametrize("is_flipped", [False, True])
@pytest.mark.parametrize(("axis", "shape"), [(0, (16, 6, 5)), (1, (1, 32, 6)), (1, (1, 31, 6)), (2, (3, 4, 21))])
def test_homodyne_is_exact_for_an_image_of_one_phase(axis, shape, is_flipped):
    k, image = real_object((2, *shape))
    mask = mask_along(axis, shape[axis], 0.65, is_flipped=is_flipped)
    np.testing.assert_allclose(homodyne(k * mask, mask), image, atol=1e-12)
    np.testing.assert_allclose(homodyne(k * mask), image, atol=1e-12)


@pytest.mark.parametrize(("axis", "shape"), [(1, (1, 32, 6)), (2, (1, 4, 21))])
def test_pocs_is_exact_for_an_image_of_one_phase(axis, shape):
    k, _ = real_object((2, *shape))
    mask = mask_along(axis, shape[axis], 0.65)
    filled = pocs(k * mask, mask, n_iterations=200, change_tolerance=0.0)
    np.testing.assert_allclose(filled, k, atol=1e-6)
    np.testing.assert_array_equal(filled * mask, k * mask)


def test_pocs_takes_two_partial_axes_and_tells_its_status():
    k, _ = real_object((1, 1, 32, 24))
    mask = mask_along(1, 32, 0.7) & mask_along(2, 24, 0.7)
    seen = []
    filled = pocs(k * mask, mask, n_iterations=30, change_tolerance=0.0, callback=seen.append)
    mirrored = np.roll(mask[:, ::-1, ::-1], (1, 1), axis=(1, 2))
    known = mask | mirrored
    np.testing.assert_allclose(filled[:, known], k[:, known], atol=1e-6)
    assert (np.diff([s.residual for s in seen]) < 0).all()
    first = zero_filled((k * mask)[None])[0] * np.exp(-0.7j)
    k_first = FourierOp(k.shape, dtype=complex)(first.real * np.exp(0.7j))
    lacks = np.linalg.norm((k_first - k) * mask) / np.linalg.norm(k * mask)
    assert seen[0].residual == pytest.approx(lacks)
    with pytest.raises(InputError, match="2 partial axes"):
        homodyne(k * mask, mask)


def test_a_full_k_space_is_left_alone():
    k, _ = real_object((2, 1, 8, 7))
    k = k * np.exp(1j * np.random.default_rng(1).standard_normal(k.shape))
    np.testing.assert_allclose(homodyne(k), FourierOp(k.shape, dtype=complex).H(k))
    np.testing.assert_allclose(pocs(k), k, atol=1e-12)


@pytest.fixture(scope="module")
def phantom_scan():
    """Noise-free k-space (1, 4, 1, 128, 128) of an analytic object seen by coils with their own phases."""
    grid = VolumeGeometry.centered((1, 128, 128), (2.0, 2.0, 5.0))
    scan = acquire_kspace(shepp_logan_2d(), grid, CoilArray.loops(4, body_mm=128.0))
    return scan.array[0]


@pytest.mark.parametrize("fraction", [0.5625, 0.625, 0.75])
def test_of_an_analytic_object_both_give_back_what_zeros_lose(phantom_scan, fraction):
    mask = mask_along(1, 128, fraction)
    truth, k = root_sum_of_squares(zero_filled(phantom_scan)), phantom_scan * mask
    by_zeros = brain8.psnr(root_sum_of_squares(zero_filled(k)), truth)
    by_homodyne = brain8.psnr(root_sum_of_squares(homodyne(k, mask)), truth)
    by_pocs = brain8.psnr(root_sum_of_squares(zero_filled(pocs(k, mask))), truth)
    assert by_homodyne > by_zeros + 15
    assert by_pocs > by_zeros + 15


def test_on_a_real_head_both_find_the_nearest_missing_lines(brain8_full):
    """Its outer lines are noise, which nothing can find; uncorrelated noise would give an error of 1.4."""
    mask = mask_along(1, 230, 0.5625)
    first = slice(int(mask.sum()), int(mask.sum()) + 10)
    fourier = FourierOp(brain8_full.shape)
    k = brain8_full * mask
    for filled in (fourier(homodyne(k, mask)), pocs(k, mask)):
        error = np.linalg.norm((filled - brain8_full)[..., first, :])
        assert error < 0.7 * np.linalg.norm(brain8_full[..., first, :])


def test_refusals():
    k, _ = real_object((1, 1, 16, 8))
    high = np.zeros((1, 16, 1), bool)
    high[:, 9:] = True
    for method in (homodyne, pocs):
        with pytest.raises(InputError, match="middle of k-space"):
            method(k, high)
        with pytest.raises(InputError, match="empty"):
            method(k, np.zeros((1, 1, 1), bool))
    with pytest.raises(SpecError, match="iteration"):
        pocs(k, n_iterations=0)
