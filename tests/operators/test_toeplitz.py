"""The normal operator on the doubled grid against matrices, against itself without short cuts, and the choice of it."""

import numpy as np
import pytest

import laws
from scanmill.errors import InputError
from scanmill.geometry import Trajectory
from scanmill.kernels import launch
from scanmill.operators import normal_choice, toeplitz
from scanmill.operators.convolution import ConvolutionOp
from scanmill.operators.nufft import NufftOp
from scanmill.operators.toeplitz import ToeplitzOp
from slow_transform import fourier_matrix

RNG = np.random.default_rng(4)


@pytest.mark.parametrize(("dtype", "eps", "reached"), [(np.complex128, 1e-14, 1e-12), (np.complex64, None, 3e-6)])
@pytest.mark.parametrize("image", [(1, 11, 8), (5, 6, 7), (1, 1, 9)])
def test_it_is_the_product_of_the_matrices(image, dtype, eps, reached):
    """Even with the usual accuracy of single precision: the kernel is made finer than that."""
    n_dims = 2 if image[0] == 1 else 3
    points, weights = RNG.uniform(-4, 4, (2, 6, 9, n_dims)), RNG.uniform(0, 2, (6, 9))
    op = ToeplitzOp(points, (2, 2, *image), weights=weights, eps=eps, dtype=dtype)
    x = laws.noise(op.in_shape, dtype)
    for i in range(2):
        A = fourier_matrix(points[i], image)
        expected = x[i].reshape(2, -1) @ (A.conj().T @ (weights.reshape(-1, 1) * A)).T
        assert laws.norm(op(x)[i].reshape(expected.shape) - expected) <= reached * laws.norm(expected)


def test_it_is_the_nufft_there_and_back_to_its_accuracy():
    points = Trajectory.golden_angle(40, 96, matrix=48).points[0]
    for eps in (1e-2, 1e-4, 1e-6):
        nufft = NufftOp(points, (1, 2, 1, 48, 48), eps=eps)
        x = laws.noise(nufft.in_shape, np.complex64)
        there_and_back = nufft.gram(x)
        gap = laws.norm(ToeplitzOp(points, nufft.in_shape, eps=eps)(x) - there_and_back)
        assert gap <= 5 * eps * laws.norm(there_and_back)


@pytest.mark.parametrize("image", [(1, 30, 20), (10, 12, 7)])
@pytest.mark.parametrize("transformed", [(0, 1, 2), (1,), (2,), (0, 1), (0, 2)])
@pytest.mark.parametrize("padding", [1, 2])
def test_the_short_cuts_change_nothing(image, transformed, padding, monkeypatch):
    monkeypatch.setattr("scanmill.operators.padded_transform.CHUNK_BYTES", 3000)
    sizes = tuple(padding * n if axis in transformed and n > 1 else 1 for axis, n in enumerate(image))
    op = ConvolutionOp(RNG.uniform(-1, 1, (2, *sizes)), (2, 3, *image), dtype=np.complex128)
    x = laws.noise(op.in_shape, op.dtype)
    whole = np.empty_like(x)
    op.convolve_whole(x, whole)
    np.testing.assert_allclose(op(x), whole, atol=1e-13)
    with launch.threads(1):
        one = op(x)
    np.testing.assert_array_equal(op(x), one)
    item = ConvolutionOp(RNG.uniform(-1, 1, (1, *sizes)), (1, 1, *image), dtype=np.complex128)
    batch = ConvolutionOp(item._spectrum * np.prod(sizes), (4, 2, *image), dtype=np.complex128)
    x = laws.noise(batch.in_shape, batch.dtype)
    np.testing.assert_allclose(batch(x)[3, 1], item(x[3:, 1:])[0, 0], atol=1e-15)


def test_the_spectrum_is_made_once_for_all_with_the_same_trajectory(monkeypatch):
    toeplitz.SPECTRA.clear()
    points, weights = RNG.uniform(-4, 4, (3, 5, 2)), np.ones((3, 5))
    first = ToeplitzOp(points, (1, 1, 1, 8, 8), weights=weights)
    monkeypatch.setattr(toeplitz, "_make_spectrum", None)
    again = ToeplitzOp(points.copy(), (2, 4, 1, 8, 8), weights=weights.copy())
    x = laws.noise(again.in_shape, np.complex64)
    np.testing.assert_array_equal(again(x)[1:, 2:3], first(x[1:, 2:3]))
    with pytest.raises(TypeError):
        ToeplitzOp(points, (1, 1, 1, 8, 8), weights=2 * weights)


def test_weights_that_do_not_fit_are_refused():
    points = np.zeros((3, 5, 2))
    for weights in (np.ones((5, 3)), -np.ones((3, 5)), np.full((3, 5), np.nan), np.ones((2, 3, 5))):
        with pytest.raises(InputError):
            ToeplitzOp(points, (1, 1, 1, 8, 8), weights=weights)


def test_a_spectrum_that_does_not_fit_is_refused():
    for shape in ((1, 1, 8), (1, 1, 7, 8), (2, 1, 8, 8)):
        with pytest.raises(InputError):
            ConvolutionOp(np.ones(shape), (1, 1, 1, 8, 8))


@pytest.fixture
def nufft(monkeypatch):
    monkeypatch.setattr(normal_choice, "CHOICES", {})
    return NufftOp(RNG.uniform(-4, 4, (3, 5, 2)), (1, 4, 1, 8, 8))


@pytest.mark.parametrize(("seconds", "expected"), [((1.0, 2.0), True), ((1.0, 0.8), True), ((1.0, 0.5), False)])
def test_the_faster_way_is_taken_with_a_margin_and_remembered(nufft, monkeypatch, seconds, expected):
    measured = iter(seconds)
    monkeypatch.setattr(normal_choice, "_seconds", lambda *args, **knobs: next(measured))
    assert normal_choice.toeplitz_is_faster(nufft) is expected
    assert normal_choice.toeplitz_is_faster(NufftOp(nufft.points + 1, nufft.in_shape)) is expected


def test_the_choice_can_be_measured(nufft):
    assert isinstance(normal_choice.toeplitz_is_faster(nufft), bool)


def test_without_the_memory_it_is_not_taken(nufft):
    assert normal_choice.toeplitz_is_faster(nufft, budget_bytes=normal_choice.toeplitz_bytes(nufft) - 1) is False
    assert not normal_choice.CHOICES
