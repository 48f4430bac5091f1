import numpy as np
import pytest

import brain8
from scanmill.algorithms.reconstruction.mr import grappa, root_sum_of_squares, zero_filled
from scanmill.errors import InputError, SpecError
from scanmill.phantoms.sampling_masks import caipi, regular

WEAK = 1e-10
"""Regularisation for data without noise."""


def plane(mask):
    """A mask over (z, y), for all x."""
    return np.broadcast_to(mask[:, :, None], (*mask.shape, 12))


def line_mask(n, acceleration, n_calibration, axis):
    shape = [1, 1, 1]
    shape[axis] = n
    return regular(n, acceleration, n_calibration=n_calibration).reshape(shape)


@pytest.mark.parametrize("acceleration", [2, 3, 4])
@pytest.mark.parametrize("axis", [1, 2])
def test_along_one_axis_it_is_exact_where_coils_are_harmonics(harmonic_coils, acceleration, axis):
    shape = (1, 48, 10) if axis == 1 else (1, 10, 48)
    shifts = [tuple(shift if i == axis else 0 for i in range(3)) for shift in range(acceleration)]
    k = harmonic_coils(shape, shifts)
    mask = line_mask(48, acceleration, 20, axis)
    kernel = (1, 7, 3) if axis == 1 else (1, 3, 7)
    filled = grappa(k * mask, mask, kernel_shape=kernel, regularisation=WEAK)
    between = (..., slice(4, 44), slice(None)) if axis == 1 else (..., slice(4, 44))  # measured lines on both sides
    np.testing.assert_allclose(filled[between], k[between], atol=1e-6 * abs(k).max())
    measured = np.broadcast_to(mask, shape)
    np.testing.assert_array_equal(filled[0][:, measured], k[0][:, measured])


@pytest.mark.parametrize("shift", [0, 1])
def test_on_kz_and_ky_it_is_exact_whatever_the_lattice(harmonic_coils, shift):
    mask = caipi((24, 24), (2, 2), shift=shift, calibration=(12, 12))
    k = harmonic_coils((24, 24, 12), [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)])
    filled = grappa(k * plane(mask), plane(mask), kernel_shape=(3, 5, 3), regularisation=WEAK)
    np.testing.assert_allclose(filled, k, atol=1e-6 * abs(k).max())


def test_missing_points_of_every_axis_are_filled(harmonic_coils):
    """No readout: x is undersampled too; and the mask is found from the zeros."""
    mask = np.zeros((1, 30, 26), bool)
    mask[:, 1::2, 1::2] = True
    mask[:, 8:22, 6:20] = True
    k = harmonic_coils(mask.shape, [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)], margin=1)
    filled = grappa(k * mask, kernel_shape=(1, 3, 3), regularisation=WEAK)
    np.testing.assert_allclose(filled[..., 2:-2, 2:-2], k[..., 2:-2, 2:-2], atol=1e-6 * abs(k).max())


def test_reference_lines_may_come_from_elsewhere(harmonic_coils):
    shifts = [(0, 0, 0), (0, 1, 0)]
    k, other = harmonic_coils((1, 32, 10), shifts), harmonic_coils((1, 32, 10), shifts, seed=1)
    mask = line_mask(32, 2, 0, 1)
    filled = grappa(k * mask, mask, calibration=7.0 * other[..., 8:24, :], kernel_shape=(1, 3, 3), regularisation=WEAK)
    np.testing.assert_allclose(filled, k, atol=1e-6 * abs(k).max())
    with pytest.raises(InputError, match="smaller than the kernel"):
        grappa(k * mask, mask)


def test_every_item_has_its_own_mask_and_kernels(harmonic_coils):
    shifts = [(0, 0, 0), (0, 1, 0), (0, 2, 0)]
    k = np.concatenate([harmonic_coils((1, 40, 10), shifts, seed=seed) for seed in (0, 1)])
    masks = np.stack([np.broadcast_to(line_mask(40, r, 16, 1), (1, 40, 10)) for r in (2, 3)])
    together = grappa(k * masks[:, None], masks)
    for item in range(2):
        np.testing.assert_array_equal(together[item], grappa((k * masks[:, None])[item : item + 1], masks[item])[0])


def test_what_no_kernel_reaches_stays_zero(harmonic_coils):
    mask = line_mask(48, 2, 16, 1).copy()
    mask[:, 32:] = False
    k = harmonic_coils((1, 48, 10), [(0, 0, 0), (0, 1, 0)], margin=1)
    filled = grappa(k * mask, mask, kernel_shape=(1, 5, 3), regularisation=WEAK)
    assert not filled[..., 35:, :].any()
    np.testing.assert_allclose(filled[..., 2:31, :], k[..., 2:31, :], atol=1e-6 * abs(k).max())


def test_refusals(harmonic_coils):
    k = harmonic_coils((1, 32, 10), [(0, 0, 0), (0, 1, 0)])
    mask = line_mask(32, 2, 12, 1)
    with pytest.raises(InputError, match="middle was not sampled"):
        grappa(k, np.roll(line_mask(32, 2, 0, 1), 1, axis=1))
    with pytest.raises(InputError, match="empty"):
        grappa(k, np.zeros_like(mask))
    with pytest.raises(InputError, match="masks do not fit"):
        grappa(k, np.ones((1, 31, 10), bool))
    with pytest.raises(InputError, match="no signal"):
        grappa(np.full_like(k, np.nan), mask)
    with pytest.raises(SpecError, match="odd"):
        grappa(k, mask, kernel_shape=(1, 4, 3))
    with pytest.raises(InputError, match="does not fit k-space"):
        grappa(k, mask, calibration=k[:, :1])
    with pytest.raises(SpecError, match="weight"):
        grappa(k, mask, regularisation=-1.0)
    with pytest.raises(InputError, match="batch, coil"):
        grappa(k[0], mask)


@pytest.mark.parametrize("kernel", [(1, 5, 5), None])
def test_on_a_real_head_it_is_at_least_as_good_as_pygrappa(brain8_full, kernel):
    pygrappa = pytest.importorskip("pygrappa")
    mask = brain8.mask_2x2()
    truth = root_sum_of_squares(zero_filled(brain8_full))
    filled = grappa(brain8_full * mask, mask, kernel_shape=kernel)
    peer = pygrappa.mdgrappa((brain8_full * mask)[0, :, 0], kernel_size=(5, 5), coil_axis=0)[None, :, None]
    ours, theirs = (brain8.psnr(root_sum_of_squares(zero_filled(k)), truth) for k in (filled, peer))
    assert ours > theirs - 0.1
    assert ours > (32 if kernel else 34)


def test_along_one_axis_of_a_real_head_it_is_at_least_as_good_as_pygrappa(brain8_full):
    pygrappa = pytest.importorskip("pygrappa")
    mask = np.broadcast_to(line_mask(230, 3, 24, 1), brain8.SHAPE)
    truth = root_sum_of_squares(zero_filled(brain8_full))
    filled = grappa(brain8_full * mask, mask)
    peer = pygrappa.mdgrappa((brain8_full * mask)[0, :, 0], kernel_size=(7, 5), coil_axis=0)[None, :, None]
    ours, theirs = (brain8.psnr(root_sum_of_squares(zero_filled(k)), truth) for k in (filled, peer))
    assert ours > theirs - 0.1
