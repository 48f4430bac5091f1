"""Gridding against the sum that defines it, against finufft, and against itself for any strategy and thread."""

import numpy as np
import pytest
from scipy.integrate import quad

import laws
from scanmill.errors import InputError, SpecError
from scanmill.geometry import Trajectory
from scanmill.kernels import launch
from scanmill.operators.gridding import GriddingOp, gridded_fourier_op, gridding_parts
from scanmill.operators.gridding_plan import grid_shape_of
from scanmill.operators.kaiser_bessel import KaiserBessel
from scanmill.operators.nufft import NufftOp

STRATEGIES = ("gather", "scatter")


def slow_transform(x, points):
    """Σ x(r) exp(-2πi k r / N) / √voxels, term by term, in double precision."""
    shape = x.shape[-3:]
    k = np.zeros((len(points), 3))
    k[:, : points.shape[1]] = points
    waves = [np.exp(-2j * np.pi * np.outer(k[:, 2 - axis], np.arange(n) - n // 2) / n) for axis, n in enumerate(shape)]
    return np.einsum("bczyx,sz,sy,sx->bcs", x, *waves) / np.sqrt(np.prod(shape))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("width", "tolerance"), [(4, 1e-3), (6, 1e-5), (7, 2e-6)])
@pytest.mark.parametrize("shape", [(1, 21, 16), (9, 12, 15)])
def test_it_is_the_sum_that_defines_it(strategy, width, tolerance, shape):
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (300, 2 if shape[0] == 1 else 3)) * shape[::-1][: 2 if shape[0] == 1 else 3]
    x = laws.noise((1, 2, *shape), np.complex128)
    op = gridded_fourier_op(points, shape, images=(1, 2), width=width, strategy=strategy, dtype=np.complex128)
    truth = slow_transform(x, points)
    assert np.linalg.norm(op(x) - truth) <= tolerance * np.linalg.norm(truth)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_agrees_with_finufft_on_a_kooshball_both_ways(strategy):
    points = Trajectory.radial_3d(300, 64, matrix=32).points[0, 0]
    op = gridded_fourier_op(points, (32, 32, 32), images=(1, 2), width=6, strategy=strategy)
    peer = NufftOp(points, (1, 2, 32, 32, 32), eps=1e-6)
    x, y = laws.noise(op.in_shape, op.dtype, 1), laws.noise(op.out_shape, op.dtype, 2)
    assert laws.norm(op(x) - peer(x)) <= 2e-5 * laws.norm(peer(x))
    assert laws.norm(op.H(y) - peer.H(y)) <= 2e-5 * laws.norm(peer.H(y))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("shape", [(1, 9, 12), (7, 8, 5)])
def test_the_laws_of_operators(shape, strategy, dtype):
    points = np.random.default_rng(3).uniform(-5, 5, (6, 7, 2 if shape[0] == 1 else 3))
    gridding, fourier = gridding_parts(points, shape, images=(2, 1), strategy=strategy, dtype=dtype)
    for op in (gridding, fourier, gridding @ fourier):
        laws.assert_linear(op)
        laws.assert_adjoint(op)
        laws.assert_adjoint(op.H)
        laws.assert_gram(op)


def test_less_oversampling_with_a_wider_window_is_as_good():
    points = np.random.default_rng(0).uniform(-16, 16, (500, 2))
    x = laws.noise((1, 1, 1, 32, 32), np.complex128)
    op = gridded_fourier_op(points, (1, 32, 32), width=8, oversampling=1.5, dtype=np.complex128)
    truth = slow_transform(x, points)
    assert np.linalg.norm(op(x) - truth) <= 1e-4 * np.linalg.norm(truth)


def test_both_strategies_grid_alike_and_each_to_the_bit_for_any_number_of_threads():
    points = np.random.default_rng(1).uniform(-8, 8, (2000, 3))
    y = laws.noise((1, 3, 2000), np.complex64)
    results = {}
    for strategy in STRATEGIES:
        op = gridded_fourier_op(points, (16, 16, 16), images=(1, 3), strategy=strategy)
        for n_threads in (1, 2):
            with launch.threads(min(n_threads, launch.CONFIG.NUMBA_NUM_THREADS)):
                results[strategy, n_threads] = op.H(y)
        assert results[strategy, 1].tobytes() == results[strategy, 2].tobytes()
    assert laws.norm(results["gather", 1] - results["scatter", 1]) <= 1e-6 * laws.norm(results["gather", 1])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gridding_is_periodic_and_keeps_what_is_put_on_it(strategy):
    """A sample on a cell is spread around it evenly; one a period away lies at the same place."""
    op = GriddingOp(np.array([[3.0, 19.0], [3.0 - 24, 19.0 + 20]]), (1, 20, 24), strategy=strategy, dtype=np.complex128)
    one, other = (op.H(np.array([[unit]], complex))[0, 0, 0] for unit in ([1.0, 0.0], [0.0, 1.0]))
    np.testing.assert_allclose(one, other, atol=1e-12)
    window = KaiserBessel(4, 2.0).values(np.arange(-1, 2).astype(float))
    np.testing.assert_allclose(one[[18, 19, 0], 3].real, window, atol=1e-12)
    np.testing.assert_allclose(one[19, 2:5].real, window, atol=1e-12)


def test_the_transform_of_the_window_is_its_integral():
    for width, oversampling in ((4, 2.0), (5, 1.5)):
        window = KaiserBessel(width, oversampling)
        for f in (0.0, 0.13, 0.25, 0.9):
            truth, _ = quad(
                lambda t, f=f, w=window: float(w.values(np.array(t))) * np.cos(2 * np.pi * f * t),
                -width / 2, width / 2, limit=400,
            )  # fmt: skip
            assert window.transform(np.array(f)) == pytest.approx(truth, abs=1e-6)


def test_the_window_is_the_bessel_function_between_its_steps_too():
    window, t = KaiserBessel(6, 2.0), np.linspace(-3, 3, 1001)
    truth = np.i0(window.beta * np.sqrt(1 - (t / 3) ** 2)) / np.i0(window.beta)
    np.testing.assert_allclose(window.values(t), truth, atol=1e-7)
    assert not window.values(np.array([-3.001, 3.001, 50.0])).any()


def test_grids_have_even_sizes_of_small_factors():
    assert grid_shape_of((1, 7, 96), 2.0) == (1, 16, 192)
    assert grid_shape_of((13, 230, 180), 1.3) == (18, 300, 240)


def test_refusals():
    points = np.zeros((5, 2))
    with pytest.raises(SpecError, match="strategy"):
        GriddingOp(points, (1, 16, 16), strategy="atomic")
    with pytest.raises(SpecError, match="complex"):
        GriddingOp(points, (1, 16, 16), dtype=np.float32)
    with pytest.raises(InputError, match="two coordinates"):
        GriddingOp(points, (16, 16, 16))
    with pytest.raises(InputError, match="smaller than the window"):
        GriddingOp(points, (1, 3, 16))
    with pytest.raises(SpecError, match="window"):
        KaiserBessel(1, 2.0)
