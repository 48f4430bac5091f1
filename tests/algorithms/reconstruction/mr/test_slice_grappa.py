import numpy as np
import pytest

import brain8
from scanmill.algorithms.reconstruction.mr import root_sum_of_squares, slice_grappa, zero_filled
from scanmill.errors import InputError


def random(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@pytest.mark.parametrize("is_split", [False, True])
def test_it_is_exact_where_the_coils_weigh_each_slice_by_a_number(is_split):
    weights = random(3, 2)
    objects, references = random(2, 2, 1, 24, 20), random(2, 1, 12, 16, seed=1)
    kspace = np.einsum("cs,bszyx->bczyx", weights, objects)
    calibration = np.einsum("cs,szyx->sczyx", weights, references)
    slices = slice_grappa(kspace, calibration, kernel_shape=(1, 3, 3), regularisation=1e-12, is_split=is_split)
    truth = np.einsum("cs,bszyx->bsczyx", weights, objects)
    np.testing.assert_allclose(slices, truth, atol=1e-6 * abs(truth).max())


def two_slices(full):
    """Two real heads of the same coils: the second is the first, point-reflected, with the coils in another order."""
    return np.concatenate([full, np.roll(full[:, ::-1, :, ::-1, ::-1], (1, 1), axis=(-2, -1))])


def scores(slices, truths):
    """PSNR of the root sum of squares of each slice."""
    pairs = zip(slices, truths, strict=True)
    return [brain8.psnr(*(root_sum_of_squares(zero_filled(k[None])) for k in pair)) for pair in pairs]


@pytest.mark.parametrize("is_split", [False, True])
def test_on_real_heads_it_is_at_least_as_good_as_pygrappa(brain8_full, is_split):
    pygrappa = pytest.importorskip("pygrappa")
    slices = two_slices(brain8_full)
    together, reference = slices.sum(axis=0), slices[..., 75:155, 50:130]
    ours = slice_grappa(together[None], reference, is_split=is_split)[0]
    yx_coil_slice = np.moveaxis(reference[:, :, 0], (0, 1), (3, 2))
    peer = pygrappa.slicegrappa(np.moveaxis(together[:, 0], 0, 2)[..., None], yx_coil_slice, split=is_split)
    theirs = np.moveaxis(peer[..., 0, :], (2, 3), (1, 0))[:, :, None]
    for mine, other in zip(scores(ours, slices), scores(theirs, slices), strict=True):
        assert mine > other - 0.1


def test_slices_shifted_by_blips_come_back_unshifted(brain8_full):
    slices = two_slices(brain8_full)
    n = np.arange(230) - 115
    blips = np.stack([np.ones(230), (-1.0) ** n])[:, None, None, :, None]  # half a field of view
    together = (slices * blips).sum(axis=0)[None]
    apart = slice_grappa(together, slices[..., 85:145, 60:120], fov_shifts=[0.0, 0.5])[0]
    plain = slice_grappa(slices.sum(axis=0)[None], slices[..., 85:145, 60:120])[0]
    for shifted, unshifted in zip(scores(apart, slices), scores(plain, slices), strict=True):
        assert shifted > unshifted
        assert shifted > 25


def test_refusals():
    kspace, calibration = random(1, 2, 1, 8, 8), random(2, 2, 1, 8, 8)
    with pytest.raises(InputError, match="a shift for each slice"):
        slice_grappa(kspace, calibration, fov_shifts=[0.5])
    with pytest.raises(InputError, match="does not fit k-space"):
        slice_grappa(kspace, calibration[:, :1])
    with pytest.raises(InputError, match="smaller than the kernel"):
        slice_grappa(kspace, calibration[..., :3])
