"""Both TV methods solve one problem; so they share their truths."""

import numpy as np
import pytest
from scipy.optimize import minimize
from skimage.restoration import denoise_tv_chambolle

from scanmill.algorithms.reconstruction import fista_tv, pdhg_tv
from scanmill.algorithms.reconstruction.total_variation import total_variation
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.difference import GradientOp

FREE = (None, None)


class Identity(LinearOperator):
    def __init__(self, shape, scale=1.0):
        super().__init__(shape, shape, np.float64)
        self.scale = scale

    def _apply(self, x):
        return self.scale * x

    def _adjoint(self, y):
        return self.scale * y


def solve_pdhg(op, y, **knobs):
    return pdhg_tv(op, y, **{"n_iterations": 4000, "balance": 1.0, **knobs})


def solve_fista(op, y, **knobs):
    return fista_tv(op, y, **{"n_iterations": 600, "n_inner": 30, **knobs})


@pytest.fixture(params=[solve_pdhg, solve_fista], ids=["pdhg", "fista"])
def solve(request):
    return request.param


def objective(op, y, weight, x):
    return 0.5 * np.sum((op(x) - y) ** 2) + weight * total_variation(GradientOp(op.in_shape, dtype=np.float64)(x))


def taut_string(y, weight):
    """The exact 1-D total variation denoising: the dual is a box-constrained quadratic, solved by L-BFGS-B."""

    def dual(u):
        x = y + np.diff(u, prepend=0, append=0)
        return 0.5 * np.sum(x**2), -np.diff(x)

    u = minimize(
        dual,
        np.zeros(len(y) - 1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-weight, weight)] * (len(y) - 1),
        options={"ftol": 1e-16, "gtol": 1e-12, "maxiter": 10000},
    ).x
    return y + np.diff(u, prepend=0, append=0)


def test_two_voxels_by_hand(solve):
    """min ½ (x₀ - 0)² + ½ (x₁ - 4)² + |x₁ - x₀| draws both one step together."""
    op = Identity((1, 1, 2))
    np.testing.assert_allclose(solve(op, np.array([[[0.0, 4.0]]]), weight=1.0).ravel(), [1.0, 3.0], atol=1e-6)
    np.testing.assert_allclose(solve(op, np.array([[[0.0, 4.0]]]), weight=5.0).ravel(), [2.0, 2.0], atol=1e-6)


def test_one_dimension_is_the_taut_string(solve):
    y = np.repeat([0.0, 1.0, 0.3, 2.0], 10) + 0.2 * np.random.default_rng(0).standard_normal(40)
    x = solve(Identity((1, 1, 40)), y[None, None], weight=0.5, bounds=FREE).ravel()
    np.testing.assert_allclose(x, taut_string(y, 0.5), atol=1e-4)


def test_two_dimensions_are_chambolles_denoising_of_scikit_image(solve):
    y = np.zeros((1, 24, 24))
    y[0, 6:18, 8:16] = 1.0
    y += 0.1 * np.random.default_rng(0).standard_normal(y.shape)
    theirs = denoise_tv_chambolle(y[0], weight=0.2, eps=1e-12, max_num_iter=5000)
    ours = solve(Identity(y.shape), y, weight=0.2, bounds=FREE)
    assert objective(Identity(y.shape), y, 0.2, ours) <= objective(Identity(y.shape), y, 0.2, theirs[None]) * (1 + 1e-6)
    np.testing.assert_allclose(ours[0], theirs, atol=3e-3)


def test_without_tv_it_is_the_bounded_least_squares_of_scipy(solve, matrix_op):
    from scipy.optimize import lsq_linear

    op = matrix_op()
    y = np.random.default_rng(1).standard_normal(op.out_shape)
    truth = lsq_linear(op.matrix, y.ravel(), bounds=(-0.1, 0.2), tol=1e-14)
    x = solve(op, y, weight=0.0, bounds=(-0.1, 0.2))
    assert truth.active_mask.any()
    assert x.min() >= -0.1
    assert x.max() <= 0.2
    np.testing.assert_allclose(x, truth.x, atol=1e-4)


def test_with_a_matrix_both_find_the_minimum_of_a_general_solver(solve, matrix_op):
    """A smooth reformulation, x = p - n over the differences, by scipy."""
    op = matrix_op(n_voxels=10)
    y = op(np.repeat([0.2, 0.8], 5)) + 0.05 * np.random.default_rng(1).standard_normal(op.out_shape)
    n, weight = 10, 0.3

    def split(v):
        x = v[0] + np.concatenate([[0], np.cumsum(v[1:n] - v[n:])])
        residual = (op(x) - y).ravel()
        back = op.matrix.T @ residual
        tail = np.cumsum(back[::-1])[::-1]
        gradient = np.concatenate([tail[:1], tail[1:] + weight, -tail[1:] + weight])
        return 0.5 * residual @ residual + weight * v[1:].sum(), gradient

    bounds = [(None, None)] + [(0, None)] * (2 * n - 2)
    best = minimize(split, np.full(2 * n - 1, 0.1), jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-15)
    x = solve(op, y, weight=weight, bounds=FREE)
    assert objective(op, y, weight, x) == pytest.approx(best.fun, rel=1e-6)


def test_three_dimensions_and_another_scale_find_the_same_minimum():
    y = np.random.default_rng(0).random((3, 6, 7))
    op = Identity(y.shape, scale=3.0)
    a, b = (solve(op, y, weight=0.1) for solve in (solve_pdhg, solve_fista))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_objective_and_the_residual_of_the_status_are_true(solve, matrix_op):
    op = matrix_op()
    y = np.random.default_rng(1).random(op.out_shape)
    seen = []
    solve(op, y, weight=0.1, n_iterations=25, callback=seen.append)
    last = seen[-1]
    assert [s.iteration for s in seen] == list(range(1, 26))
    assert last.objective == pytest.approx(objective(op, y, 0.1, last.image))
    assert last.residual == pytest.approx(np.linalg.norm(op(last.image) - y) / np.linalg.norm(y))


def test_the_objective_of_fista_never_rises(matrix_op):
    op = matrix_op()
    seen = []
    fista_tv(op, np.random.default_rng(1).random(op.out_shape), weight=0.5, n_iterations=200, callback=seen.append)
    assert (np.diff([s.objective for s in seen]) <= 0).all()


def test_the_same_seed_gives_the_same_bytes_and_a_warm_start_comes_to_the_same_solution(solve, matrix_op):
    op = matrix_op()
    y = np.random.default_rng(1).random(op.out_shape)
    x = solve(op, y, weight=0.0)
    assert solve(op, y, weight=0.0).tobytes() == x.tobytes()
    np.testing.assert_allclose(solve(op, y, weight=0.0, x0=x), x, atol=1e-4)
    np.testing.assert_allclose(solve(op, y, weight=0.0, x0=x, n_iterations=5), x, atol=0.02)


def test_a_start_near_the_solution_is_better_from_the_first_iteration_on(solve, matrix_op):
    op = matrix_op()
    y = np.random.default_rng(1).random(op.out_shape)
    near = solve(op, y, weight=0.01) + 0.02
    for n_iterations in (1, 3, 10):
        cold, warm = (solve(op, y, weight=0.01, n_iterations=n_iterations, **k) for k in ({}, {"x0": near}))
        assert objective(op, y, 0.01, warm) < objective(op, y, 0.01, cold)


def test_stopping_nan_and_refusals(solve, matrix_op):
    op = matrix_op()
    y = np.random.default_rng(1).random(op.out_shape)
    seen = []
    solve(op, y, weight=0.1, change_tolerance=1e-3, callback=seen.append)
    assert seen[-1].change <= 1e-3
    assert len(seen) < 600
    seen.clear()
    solve(op, y, weight=0.1, callback=lambda s: seen.append(s) or ("stop" if s.iteration == 2 else None))
    assert len(seen) == 2
    with pytest.raises(ConvergenceError, match="iteration 1"):
        solve(op, y * np.nan, weight=0.1)
    with pytest.raises(SpecError, match="weight"):
        solve(op, y, weight=-1.0)
    with pytest.raises(SpecError, match="matched"):
        solve(matrix_op(matched=False), y, weight=0.1)
    with pytest.raises(InputError, match="data"):
        solve(op, y[1:], weight=0.1)
    with pytest.raises(SpecError, match="balance"):
        pdhg_tv(op, y, weight=0.1, balance=0.0)
    with pytest.raises(SpecError, match="denoising"):
        fista_tv(op, y, weight=0.1, n_inner=0)
