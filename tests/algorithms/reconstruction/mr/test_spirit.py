import numpy as np
import pytest

import brain8
from scanmill.algorithms.reconstruction.mr import grappa, root_sum_of_squares, spirit, spirit_pocs, zero_filled
from scanmill.algorithms.reconstruction.mr.spirit_kernel import spirit_matrices
from scanmill.errors import InputError, SpecError
from scanmill.operators.fourier import FourierOp

SHIFTS = [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]


@pytest.fixture
def lattice():
    mask = np.zeros((1, 30, 26), bool)
    mask[:, 1::2, 1::2] = True
    mask[:, 8:22, 6:20] = True
    return mask


@pytest.mark.parametrize("method", [spirit, spirit_pocs])
def test_it_is_exact_where_coils_are_harmonics(harmonic_coils, lattice, method):
    k = harmonic_coils(lattice.shape, SHIFTS)
    filled = method(
        k * lattice, lattice, kernel_shape=(1, 3, 3), regularisation=1e-10, n_iterations=200, change_tolerance=1e-10
    )
    np.testing.assert_allclose(filled, k, atol=1e-6 * abs(k).max())
    np.testing.assert_array_equal(filled[0][:, lattice], k[0][:, lattice])


def test_the_kernel_is_the_regression_of_each_sample_on_its_neighbours(harmonic_coils):
    """Against the least squares of numpy for one coil, with the sample itself left out; G acts as a convolution."""
    rng = np.random.default_rng(1)
    block = rng.standard_normal((2, 1, 9, 8)) + 1j * rng.standard_normal((2, 1, 9, 8))
    shape, weight = (1, 8, 6), 1e-2
    matrices = spirit_matrices(block, (1, 3, 3), weight, shape)
    rows, targets = [], []
    for y in range(7):
        for x in range(6):
            window = block[:, 0, y : y + 3, x : x + 3].ravel()
            rows.append(np.delete(window, 4))
            targets.append(window[4])
    S, everything = np.array(rows), np.array([np.insert(r, 4, t) for r, t in zip(rows, targets, strict=True)])
    scale = weight * (abs(everything) ** 2).sum() / 18
    w = np.linalg.solve(S.conj().T @ S + scale * np.eye(17), S.conj().T @ np.array(targets))
    w = np.insert(w, 4, 0).reshape(2, 3, 3)
    k = rng.standard_normal((2, *shape)) + 1j * rng.standard_normal((2, *shape))
    truth = sum(
        w[c, i, j] * np.roll(k[c, 0], (1 - i, 1 - j), axis=(0, 1)) for c in range(2) for i in range(3) for j in range(3)
    )
    fourier = FourierOp((2, *shape), dtype=np.complex128)
    images = fourier.H(k)
    ours = fourier(np.stack([(matrices[0] * images).sum(axis=0)] * 2))[0, 0]
    np.testing.assert_allclose(ours, truth, atol=1e-10)


def test_a_stack_comes_out_as_slice_by_slice(harmonic_coils, lattice):
    noisy = [harmonic_coils(lattice.shape, SHIFTS, seed=s) + 1e-2 * harmonic_coils(lattice.shape, SHIFTS, seed=s + 9)
             for s in (0, 1)]  # fmt: skip
    k = np.concatenate(noisy) * lattice
    k[1] *= 1e-3
    for method in (spirit, spirit_pocs):
        together = method(k, lattice, kernel_shape=(1, 3, 3), change_tolerance=1e-3)
        for item in range(2):
            alone = method(k[item : item + 1], lattice, kernel_shape=(1, 3, 3), change_tolerance=1e-3)
            np.testing.assert_allclose(together[item], alone[0], rtol=1e-9, atol=1e-12)


def test_the_status_tells_the_truth(harmonic_coils, lattice):
    k = harmonic_coils(lattice.shape, SHIFTS) + harmonic_coils(lattice.shape, SHIFTS[::-1], seed=5)
    for method in (spirit, spirit_pocs):
        seen = []
        filled = method(k * lattice, lattice, n_iterations=6, callback=seen.append)
        assert len(seen) == 6
        matrices = spirit_matrices(k[0][..., 8:22, 6:20], (1, 7, 7), 1e-2, lattice.shape)
        fourier = FourierOp(k.shape[1:], dtype=np.complex128)
        last = filled[0] if method is spirit else (k * lattice + seen[-2].image)[0]
        images = fourier.H(last)
        left = fourier(np.einsum("cdzyx,dzyx->czyx", matrices, images) - images)
        assert seen[-1].residual == pytest.approx(np.linalg.norm(left) / np.linalg.norm(last), rel=1e-6)
        assert method is spirit_pocs or (np.diff([s.objective for s in seen]) < 0).all()


def test_on_a_real_head_it_is_at_least_as_good_as_grappa(brain8_full):
    mask = brain8.mask_2x2()
    truth = root_sum_of_squares(zero_filled(brain8_full))
    scores = {
        method.__name__: brain8.psnr(root_sum_of_squares(zero_filled(method(brain8_full * mask, mask))), truth)
        for method in (grappa, spirit, spirit_pocs)
    }
    assert scores["spirit"] > scores["grappa"] - 0.1
    assert scores["spirit_pocs"] > scores["grappa"] - 1


def test_refusals(harmonic_coils, lattice):
    k = harmonic_coils(lattice.shape, SHIFTS)
    with pytest.raises(InputError, match="batch, coil"):
        spirit(k[0], lattice)
    with pytest.raises(InputError, match="middle was not sampled"):
        spirit(k, ~lattice)
    with pytest.raises(InputError, match="1 or 1"):
        spirit(k, lattice, calibration=np.concatenate([k, k]))
    with pytest.raises(SpecError, match="iteration"):
        spirit(k, lattice, n_iterations=0)
