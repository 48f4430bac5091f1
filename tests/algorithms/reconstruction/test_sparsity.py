"""FISTA with wavelets and with the nuclear norm; total variation has a file of its own."""

import numpy as np
import pytest
from scipy.optimize import minimize

from scanmill.algorithms.reconstruction import fista, fista_nuclear, fista_wavelet
from scanmill.algorithms.reconstruction.fista_nuclear import NuclearNorm
from scanmill.algorithms.reconstruction.fista_wavelet import Details
from scanmill.algorithms.reconstruction.sparsity import TotalVariation, denoise
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.stack import IdentityOp, StackOp
from scanmill.operators.wavelet import WaveletOp
from scanmill.phantoms import Ellipsoid, Phantom

pywt = pytest.importorskip("pywt")
FREE = (None, None)


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db4"])
def test_one_step_without_bounds_is_the_soft_thresholding_of_pywavelets(wavelet):
    image = np.random.default_rng(0).standard_normal((32, 48))
    op = WaveletOp((1, 32, 48), wavelet, n_levels=2, dtype=np.float64)
    ours = denoise(image[None], Details(op), 0.4, 1)[0][0]
    # PyWavelets begins its periodic transform elsewhere: after a shift the coefficients are ours.
    shift = 3 * (len(pywt.Wavelet(wavelet).dec_lo) // 2 - 1)
    moved = np.roll(image, (-shift, -shift), (0, 1))
    coarse, *details = pywt.wavedec2(moved, wavelet, mode="periodization", level=2)
    soft = [tuple(pywt.threshold(d, 0.4, "soft") for d in level) for level in details]
    theirs = pywt.waverec2([coarse, *soft], wavelet, mode="periodization")
    np.testing.assert_allclose(ours, np.roll(theirs, (shift, shift), (0, 1)), atol=1e-10)


def test_wavelets_with_bounds_are_the_minimum_of_a_general_solver():
    """Two non-negative parts for every coefficient, and the bounds as a steep penalty's limit: by L-BFGS-B."""
    y = np.random.default_rng(1).standard_normal((1, 1, 8))
    op = WaveletOp((1, 1, 8), "haar", n_levels=1, dtype=np.float64)
    x, _ = denoise(y, Details(op), 0.3, 3000, bounds=(0.0, 0.8))
    W = np.array([op(e.reshape(1, 1, 8)).ravel() for e in np.eye(8)]).T
    W = np.delete(W, range(4), axis=0)

    def dual(q):
        image = np.clip(y.ravel() - W.T @ q, 0.0, 0.8)
        value = 0.5 * np.sum((image - y.ravel()) ** 2) + q @ W @ image
        return -value, -(W @ image)

    best = minimize(dual, np.zeros(4), jac=True, method="L-BFGS-B", bounds=[(-0.3, 0.3)] * 4, tol=1e-14)
    primal = 0.5 * np.sum((x - y) ** 2) + 0.3 * abs(W @ x.ravel()).sum()
    assert primal == pytest.approx(-best.fun, abs=1e-8)
    assert x.min() >= 0
    assert x.max() <= 0.8


def test_wavelets_come_to_the_minimum_with_a_matrix(matrix_op):
    op = matrix_op(n_voxels=16)
    y = op(np.repeat([0.2, 0.8, 0.0, 0.5], 4)) + 0.05 * np.random.default_rng(1).standard_normal(op.out_shape)
    W = np.array([WaveletOp((16,), "db2", n_levels=2, dtype=np.float64)(e) for e in np.eye(16)]).T

    def split(v):
        c = v[:16] - v[16:]
        residual = op.matrix @ (W.T @ c) - y.ravel()
        slope = W @ (op.matrix.T @ residual)
        alpha = np.where(np.arange(16) < 4, 0.0, 0.3)
        return 0.5 * residual @ residual + alpha @ (v[:16] + v[16:]), np.concatenate([slope + alpha, alpha - slope])

    best = minimize(split, np.full(32, 0.1), jac=True, method="L-BFGS-B", bounds=[(0, None)] * 32, tol=1e-15)
    seen = []
    fista_wavelet(
        op, y, weight=0.3, wavelet="db2", n_levels=2, n_iterations=2000, n_inner=1, bounds=FREE, callback=seen.append
    )
    assert seen[-1].objective == pytest.approx(best.fun, rel=1e-6)
    assert (np.diff([s.objective for s in seen]) <= 0).all()


def singular(matrix, radius):
    """Singular values lowered by ``radius``, by NumPy."""
    U, s, Vt = np.linalg.svd(matrix, full_matrices=False)
    return (U * np.maximum(s - radius, 0)) @ Vt


def test_the_nuclear_norm_lowers_the_singular_values_as_numpy_does():
    y = np.random.default_rng(0).standard_normal((4, 2, 5, 6))
    x, _ = denoise(y, NuclearNorm(IdentityOp(y.shape, dtype=np.float64)), 3.0, 1)
    np.testing.assert_allclose(x, singular(y.reshape(4, -1), 3.0).reshape(y.shape), atol=1e-10)
    value = NuclearNorm(IdentityOp(y.shape, dtype=np.float64)).value(y)
    assert value == pytest.approx(np.linalg.norm(y.reshape(4, -1), "nuc"))


def test_blocks_are_lowered_each_by_itself_the_cut_ones_too():
    y = np.random.default_rng(0).standard_normal((3, 1, 5, 7))
    norm = NuclearNorm(IdentityOp(y.shape, dtype=np.float64), (1, 2, 3))
    x, _ = denoise(y, norm, 0.8, 1)
    total = 0.0
    for i in range(0, 5, 2):
        for j in range(0, 7, 3):
            part = y[:, :, i : i + 2, j : j + 3]
            lowered = singular(part.reshape(3, -1), 0.8).reshape(part.shape)
            np.testing.assert_allclose(x[:, :, i : i + 2, j : j + 3], lowered, atol=1e-10)
            total += np.linalg.norm(part.reshape(3, -1), "nuc")
    assert norm.value(y) == pytest.approx(total)
    assert denoise(y.astype(np.float32), NuclearNorm(IdentityOp(y.shape)), 0.8, 1)[0].dtype == np.float32


def test_channels_of_one_scan_help_each_other():
    """Four noisy energies of two materials: the nuclear norm leaves two images of them, and is nearer to the truth."""
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, 20, endpoint=False), 30, 2.0)
    grid = VolumeGeometry.centered((1, 24, 24), (2.0, 2.0, 2.0))
    water = Phantom((Ellipsoid((0, 0, 0), (20.0, 18.0, 50.0), 0.02),))
    iodine = Phantom((Ellipsoid((6.0, 2.0, 0.0), (6.0, 6.0, 50.0), 0.02),))
    mixtures = [(1.0, 0.4), (0.9, 0.7), (0.8, 1.2), (0.75, 0.3)]
    lines = np.stack([a * water.line_integrals(scan) + b * iodine.line_integrals(scan) for a, b in mixtures])
    truth = np.stack([a * water.voxels(grid).array + b * iodine.voxels(grid).array for a, b in mixtures])
    y = (lines + 0.03 * np.random.default_rng(0).standard_normal(lines.shape)).astype(np.float32)
    op = StackOp([ProjectionOp(grid, scan) for _ in mixtures])
    images = [fista_nuclear(op, y, weight=weight, n_iterations=15, n_inner=3) for weight in (0.0, 4.8)]
    errors = [np.linalg.norm(x - truth) for x in images]
    assert errors[1] < 0.8 * errors[0]
    spectrum = np.linalg.svd(images[1].reshape(4, -1), compute_uv=False)
    assert spectrum[2] < 0.05 * spectrum[1]


def test_wavelets_win_where_views_are_few():
    body = Phantom((Ellipsoid((0, 0, 0), (25.0, 20.0, 18.0), 0.02), Ellipsoid((8.0, 3.0, 2.0), (7.0, 6.0, 6.0), 0.02)))
    grid = VolumeGeometry.centered((1, 40, 40), (1.5, 1.5, 1.5))
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, 12, endpoint=False), 61, 1.0, row_spacing=1.5)
    op, truth = ProjectionOp(grid, scan), body.voxels(grid).array
    y = body.line_integrals(scan, dtype=np.float32)
    y = y + 0.02 * np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    errors = [np.linalg.norm(fista_wavelet(op, y, weight=weight, n_iterations=60) - truth) for weight in (0.0, 0.1)]
    assert errors[1] < 0.7 * errors[0]
    image = fista_wavelet(op, y, weight=0.05, n_iterations=3)
    assert image.tobytes() == fista_wavelet(op, y, weight=0.05, n_iterations=3).tobytes()


def test_refusals(matrix_op):
    op = matrix_op()
    y = np.ones(op.out_shape)
    with pytest.raises(SpecError, match="wavelet"):
        fista_wavelet(op, y, weight=0.1, wavelet="sym4")
    with pytest.raises(SpecError, match="level"):
        fista_wavelet(op, y, weight=0.1, n_levels=0)
    with pytest.raises(SpecError, match="channels"):
        fista_nuclear(op, y, weight=0.1)
    with pytest.raises(SpecError, match="patch"):
        NuclearNorm(IdentityOp((2, 3, 4)), (3,))
    with pytest.raises(InputError, match="another image"):
        fista(op, y, TotalVariation(IdentityOp((3,))), weight=0.1)
    with pytest.raises(InputError, match="alike"):
        StackOp([IdentityOp((2,)), IdentityOp((3,))])
