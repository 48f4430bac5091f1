"""MLEM and OSEM against the recursion written out, and against a general solver."""

import numpy as np
import pytest
from scipy.optimize import minimize

from scanmill.algorithms.reconstruction import mlem, osem
from scanmill.errors import InputError, SpecError


@pytest.fixture
def problem(matrix_op):
    """An operator and Poisson counts over a background."""
    op = matrix_op(n_views=8)
    rng = np.random.default_rng(3)
    truth, background = 20 * rng.random(op.in_shape), 2 + rng.random((1, op.out_shape[1]))
    return op, rng.poisson(op(truth) + background).astype(np.float64), background


def log_likelihood(op, y, background, x):
    mean = op(x) + background
    return float(np.sum(y * np.log(mean) - mean))


def recursion(op, y, background, x, n_iterations, subsets):
    """Hudson & Larkin's equation, row by row."""
    A = op.matrix.reshape(*op.out_shape, -1)
    b = np.broadcast_to(background, op.out_shape)
    for _ in range(n_iterations):
        for views in subsets:
            back, sensitivity = np.zeros_like(x), np.zeros_like(x)
            for view in views:
                for ray in range(op.out_shape[1]):
                    row = A[view, ray]
                    back += row * y[view, ray] / (row @ x + b[view, ray])
                    sensitivity += row
            x = x * back / sensitivity
    return x


def test_mlem_is_its_recursion(problem):
    op, y, background = problem
    x0 = np.full(op.in_shape, 7.0)
    ours = mlem(op, y, background=background, x0=x0, n_iterations=12)
    np.testing.assert_allclose(ours, recursion(op, y, background, x0, 12, [range(8)]), rtol=1e-11)


def test_osem_is_its_recursion(problem):
    op, y, background = problem
    x0 = np.full(op.in_shape, 7.0)
    ours = osem(op, y, background=background, x0=x0, n_iterations=4, n_subsets=4, order="sequential")
    subsets = [range(s, 8, 4) for s in range(4)]
    np.testing.assert_allclose(ours, recursion(op, y, background, x0, 4, subsets), rtol=1e-11)


def test_the_likelihood_never_falls_and_the_status_tells_it(problem):
    op, y, background = problem
    seen = []
    mlem(op, y, background=background, n_iterations=300, callback=seen.append)
    likelihoods = np.array([log_likelihood(op, y, background, s.image) for s in seen])
    assert (np.diff(likelihoods) >= -1e-9 * abs(likelihoods[0])).all()
    objectives = np.array([s.objective for s in seen])
    np.testing.assert_allclose(np.diff(objectives)[1:], -np.diff(likelihoods)[:-1], atol=1e-8)
    assert seen[5].residual == pytest.approx(np.linalg.norm(op(seen[4].image) + background - y) / np.linalg.norm(y))


def test_it_comes_to_the_maximum_that_a_general_solver_finds(problem):
    op, y, background = problem

    def cost(x):
        mean = op(x) + background
        return float(np.sum(mean - y * np.log(mean))), op.H(1 - y / mean)

    best = minimize(cost, np.ones(op.in_shape), jac=True, method="L-BFGS-B", bounds=[(0, None)] * 12, tol=1e-14)
    x = mlem(op, y, background=background, n_iterations=20000)
    assert -log_likelihood(op, y, background, x) == pytest.approx(best.fun, abs=1e-6)
    np.testing.assert_allclose(x, best.x, atol=0.02)


def test_subsets_are_faster(problem):
    op, y, background = problem
    few = osem(op, y, background=background, n_iterations=3, n_subsets=4)
    one = mlem(op, y, background=background, n_iterations=3)
    assert log_likelihood(op, y, background, few) > log_likelihood(op, y, background, one)


def test_counts_are_kept_without_a_background(problem):
    op, y, _ = problem
    seen = []
    mlem(op, y, n_iterations=5, callback=seen.append)
    for status in seen:
        assert op(status.image).sum() == pytest.approx(y.sum())


def test_float32_rays_that_meet_nothing_and_counts_of_zero_are_no_trouble(matrix_op):
    op = matrix_op(dtype=np.float32)
    op.matrix[:3] = 0
    op.matrix[:, 5] = 0
    y = np.random.default_rng(1).poisson(op(np.ones(op.in_shape, np.float32))).astype(np.float32)
    y.ravel()[0], y.ravel()[10:14] = 4, 0
    seen = []
    x = mlem(op, y, n_iterations=50, callback=seen.append)
    assert np.isfinite(x).all()
    assert x.dtype == np.float32
    assert x[5] == 0
    assert (np.diff([s.objective for s in seen]) <= 1e-4).all()
    assert not mlem(op, np.zeros_like(y)).any()


def test_a_warm_start_goes_on_exactly_and_the_same_seed_gives_the_same_bytes(problem):
    op, y, background = problem
    knobs = {"background": background, "n_subsets": 4, "order": "random", "seed": 5}
    whole = osem(op, y, n_iterations=7, **knobs)
    half = osem(op, y, n_iterations=4, **knobs)
    assert osem(op, y, n_iterations=3, x0=half, first_iteration=5, **knobs).tobytes() == whole.tobytes()


def test_stopping_and_refusals(matrix_op, problem):
    op, y, _ = problem
    seen = []
    mlem(op, y, n_iterations=500, change_tolerance=1e-2, callback=seen.append)
    assert seen[-1].change <= 1e-2 < seen[-2].change
    for bad in (-y, y * np.nan):
        with pytest.raises(InputError, match="negative"):
            mlem(op, bad)
    with pytest.raises(InputError, match="background"):
        mlem(op, y, background=np.ones((3, 1)))
    with pytest.raises(InputError, match="warm start"):
        mlem(op, y, x0=-np.ones(op.in_shape))
    with pytest.raises(SpecError, match="subsets"):
        osem(op, y, n_subsets=9)
    with pytest.raises(SpecError, match="matched"):
        mlem(matrix_op(n_views=8, matched=False), y)
    op.matrix[:] = 0
    with pytest.raises(InputError, match="no ray"):
        mlem(op, y)
