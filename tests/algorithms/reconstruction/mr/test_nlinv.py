import numpy as np
import pytest

import brain8
import laws
from scanmill.algorithms.reconstruction.mr import nlinv
from scanmill.algorithms.reconstruction.mr.smooth_coils import SmoothCoilsOp
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.operators.fourier import FourierOp
from scanmill.operators.sampling import SamplingOp


def cartesian_op(mask, shape, dtype=np.complex64):
    return SamplingOp(mask[None, None], shape, dtype=dtype) @ FourierOp(shape, dtype=dtype)


@pytest.mark.parametrize("shape", [(1, 9, 12), (6, 8, 7)])
@pytest.mark.parametrize("oversampling", [1.0, 2.0])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_smooth_coils_keep_the_laws(shape, oversampling, dtype):
    op = SmoothCoilsOp((2, 3, *shape), oversampling=oversampling, sobolev=(20.0, 8.0), dtype=dtype)
    laws.assert_linear(op)
    laws.assert_adjoint(op)
    laws.assert_gram(op)


def test_smooth_coils_are_the_low_frequencies_of_a_weighted_fourier_transform():
    """The middle of a centred orthonormal transform on a field of view twice as large."""
    op = SmoothCoilsOp((1, 1, 1, 16, 12), dtype=np.complex128)
    rng = np.random.default_rng(0)
    coefficients = rng.standard_normal(op.in_shape) + 1j * rng.standard_normal(op.in_shape)
    _, _, _, ny, nx = op.in_shape
    ky, kx = np.arange(32) - 16, np.arange(24) - 12
    weights = (1 + 220 * ((ky[:, None] / 32) ** 2 + (kx / 24) ** 2)) ** -16.0
    assert weights[: 16 - ny // 2].max() < 1e-5
    spectrum = np.zeros((32, 24), complex)
    box = slice(16 - ny // 2, 16 + ny // 2 + 1), slice(12 - nx // 2, 12 + nx // 2 + 1)
    spectrum[box] = weights[box] * coefficients[0, 0, 0]
    truth = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(spectrum), norm="ortho"))[8:24, 6:18]
    np.testing.assert_allclose(op(coefficients)[0, 0, 0], truth, atol=1e-12)


def small_problem(n_items=2):
    """Two slices of random images under smooth coils, every second line and the middle of k-space."""
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 24), indexing="ij")
    coils = np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 3 + 1j * (a * x - b * y))
                      for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))])  # fmt: skip
    images = (y**2 + x**2 < 0.8) * (1 + rng.random((n_items, 1, 32, 24)))
    mask = np.zeros((1, 32, 24), bool)
    mask[:, ::2] = mask[:, 10:22] = True
    op = cartesian_op(mask, (n_items, 4, 1, 32, 24), np.complex128)
    return op, op((images * coils)[:, :, None].astype(complex)), images * np.sqrt((abs(coils) ** 2).sum(axis=0))


def test_it_finds_image_and_coils_in_the_units_of_the_data():
    op, y, truth = small_problem()
    image, coils = nlinv(op, y, n_iterations=14)
    assert image.shape == (2, 1, 1, 32, 24)
    np.testing.assert_allclose((abs(coils) ** 2).sum(axis=2), 1)
    predicted = op((image[:, :, None] * coils)[:, 0])
    assert np.linalg.norm(predicted - y) < 0.01 * np.linalg.norm(y)
    assert np.linalg.norm(abs(image[:, 0]) - truth) < 0.05 * np.linalg.norm(truth)


def test_a_stack_comes_out_as_slice_by_slice():
    op, y, _ = small_problem()
    y[1] *= 1e-3
    together = nlinv(op, y)
    alone_op = small_problem(1)[0]
    for item in range(2):
        for stacked, alone in zip(together, nlinv(alone_op, y[item : item + 1]), strict=True):
            np.testing.assert_allclose(stacked[item], alone[0], rtol=1e-8, atol=1e-10)


def test_the_status_tells_the_truth_and_the_callback_ends_it():
    op, y, _ = small_problem()
    seen = []
    image, coils = nlinv(op, y, callback=lambda s: seen.append(s) or s.iteration < 5)
    assert len(seen) == 5
    more = []
    nlinv(op, y, n_iterations=6, callback=more.append)
    residual = (abs(op((image[:, :, None] * coils)[:, 0]) - y) ** 2).sum(axis=(1, 2, 3, 4))
    worst = np.sqrt(residual / (abs(y) ** 2).sum(axis=(1, 2, 3, 4))).max()
    assert more[5].residual == pytest.approx(worst, rel=1e-6)
    assert more[5].residual < more[2].residual


def test_refusals():
    op, y, _ = small_problem()
    with pytest.raises(InputError, match="no signal"):
        nlinv(op, 0 * y)
    with pytest.raises(InputError, match="no signal"):
        nlinv(op, y * np.nan)
    with pytest.raises(InputError, match="do not fit"):
        nlinv(op, y[:1])
    with pytest.raises(SpecError, match="falling"):
        nlinv(op, y, reduction=1.0)
    with pytest.raises(SpecError, match="whole field of view"):
        nlinv(op, y, coil_oversampling=0.5)
    with pytest.raises(ConvergenceError):
        nlinv(op, y, callback=lambda s: s.image.fill(np.nan))


@pytest.mark.long
def test_on_a_real_head_it_is_that_of_bart(brain8_full, bart):
    mask = brain8.mask_2x2()
    bart.write(k=brain8_full[0] * mask)
    bart("nlinv", "-i", 10, "k", "image")
    op = cartesian_op(mask, brain8_full.shape)
    image, _ = nlinv(op, brain8_full * mask, n_iterations=10, coil_oversampling=1.0)
    assert brain8.nrmse(image, bart.read("image")) < 0.03
