"""JSENSE: polynomials are found exactly, and undersampled phantoms get better images than without."""

import numpy as np
import pytest

import laws
from scanmill.algorithms.calibration import joint_sensitivities
from scanmill.algorithms.calibration.polynomial_coils import PolynomialCoilsOp, legendre_basis
from scanmill.errors import InputError, SpecError
from scanmill.operators.fourier import FourierOp
from scanmill.operators.sampling import SamplingOp
from scanmill.phantoms.sampling_masks import regular


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_polynomial_coils_keep_the_laws(dtype):
    image = laws.noise((2, 1, 3, 6, 5), dtype)
    op = PolynomialCoilsOp(image, legendre_basis((3, 6, 5), 3), 4, dtype=dtype)
    laws.assert_linear(op)
    laws.assert_adjoint(op)
    laws.assert_gram(op)


def test_the_basis_is_legendres():
    basis = legendre_basis((1, 9, 7), 4)
    y, x = np.linspace(-1, 1, 9)[:, None], np.linspace(-1, 1, 7)
    powers = np.stack([(y**i * x**j).ravel() for i in range(5) for j in range(5 - i)])
    assert len(basis) == len(powers) == 15
    rest = powers - np.linalg.lstsq(basis.reshape(15, -1).T, powers.T, rcond=None)[0].T @ basis.reshape(15, -1)
    np.testing.assert_allclose(rest, 0, atol=1e-12)


def encoding(shape, mask):
    return SamplingOp(mask, shape) @ FourierOp(shape)


def test_polynomial_coils_are_found(scan):
    """Undersampled data of polynomial coils, without noise: the model is right, so the residual goes to nothing."""
    rng = np.random.default_rng(3)
    basis = legendre_basis((1, 96, 80), 3)
    weights = (rng.standard_normal((4, 10)) + 1j * rng.standard_normal((4, 10))) * 0.3
    weights[:, 0] += 1
    coil_images = (np.tensordot(weights, basis, axes=(1, 0)) * scan.object)[None].astype(np.complex64)
    op = encoding(coil_images.shape, regular(96, 2, n_calibration=24)[:, None])
    residuals = []
    found = joint_sensitivities(
        op, op(coil_images), degree=3, n_iterations=30, damping=1e-5, callback=lambda s: residuals.append(s.residual)
    )
    assert residuals[-1] < 0.01
    assert (np.diff(residuals) < 1e-4).all()
    product = found.coil_sensitivities[:, 0] * found.image
    assert np.linalg.norm(product - coil_images) < 0.02 * np.linalg.norm(coil_images)


@pytest.mark.long
def test_an_undersampled_phantom_unfolds(make_scan):
    mask = regular(96, 3, n_calibration=24)[:, None]
    scan = make_scan(sampling_mask=mask[None, None, None])
    op = encoding(scan.samples.shape, mask)
    found = joint_sensitivities(op, scan.samples, degree=8)
    np.testing.assert_allclose((abs(found.coil_sensitivities) ** 2).sum(axis=2), 1, rtol=1e-4)
    agreement = scan.agreement(found.coil_sensitivities[0, 0])
    assert agreement.mean() > 0.99
    expected, zero_filled = scan.object * scan.root, np.sqrt((abs(op.H(scan.samples)) ** 2).sum(axis=1))[0]

    def error(image):
        return np.linalg.norm((abs(image) - expected)[scan.inside]) / np.linalg.norm(expected[scan.inside])

    assert error(found.image[0, 0]) < 0.6 * error(zero_filled)


def test_the_head_is_fitted_as_well_as_by_sigpy(brain8_full):
    mr = pytest.importorskip("sigpy.mri", reason="SigPy is not installed")
    mask = (np.arange(230) % 2 == 1) | (abs(np.arange(230) - 114.5) < 12)
    y = (brain8_full * mask[:, None]).astype(np.complex64)
    op = encoding(y.shape, mask[:, None])
    found = joint_sensitivities(op, y, n_iterations=4)

    def error(maps):
        """What the maps do not explain of the fully sampled coil images, relative, where there is signal."""
        images = FourierOp(y.shape).H(brain8_full)[0]
        size = np.sqrt((abs(images) ** 2).sum(axis=0))
        inside = size > 0.1 * size.max()
        unit = maps / np.maximum(np.sqrt((abs(maps) ** 2).sum(axis=0)), 1e-12)
        rest = images - unit * (unit.conj() * images).sum(axis=0)
        return np.linalg.norm(rest[:, inside]) / np.linalg.norm(images[:, inside])

    theirs = mr.app.JsenseRecon(y[0, :, 0], show_pbar=False, max_iter=4, ksp_calib_width=24).run()[:, None]
    assert error(found.coil_sensitivities[0, 0]) < 0.12
    assert error(found.coil_sensitivities[0, 0]) < 1.1 * error(theirs)


@pytest.mark.long
def test_a_batch_comes_out_as_one_by_one(scan):
    mask = regular(96, 2, n_calibration=24)[:, None]
    samples = scan.samples * mask
    both = np.concatenate([samples, 3 * np.flip(samples, axis=1)]).astype(np.complex64)
    together = joint_sensitivities(encoding(both.shape, mask), both, n_iterations=2)
    for i in (0, 1):
        alone = joint_sensitivities(encoding(samples.shape, mask), both[i : i + 1], n_iterations=2)
        np.testing.assert_allclose(together.image[i], alone.image[0], atol=1e-4 * abs(alone.image).max())


def test_bad_knobs_are_refused(scan):
    op = encoding(scan.samples.shape, np.ones((96, 1), bool))
    with pytest.raises(SpecError, match="inner"):
        joint_sensitivities(op, scan.samples, n_inner=0)
    with pytest.raises(SpecError, match="degree"):
        joint_sensitivities(op, scan.samples, degree=-1)
    with pytest.raises(InputError, match="coil images"):
        joint_sensitivities(FourierOp((4, 4, 4)), np.ones((4, 4, 4), np.complex64))
    with pytest.raises(InputError, match="do not fit"):
        PolynomialCoilsOp(np.ones((1, 2, 1, 4, 4)), legendre_basis((1, 4, 4), 1), 2)
