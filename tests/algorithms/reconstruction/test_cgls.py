import numpy as np
import pytest

from scanmill.algorithms.reconstruction import cgls
from scanmill.errors import ConvergenceError, SpecError


@pytest.fixture
def problem(matrix_op):
    """An operator and inconsistent data."""
    op = matrix_op()
    return op, np.random.default_rng(1).standard_normal(op.out_shape)


def test_it_finds_the_least_squares_of_numpy_in_as_many_iterations_as_unknowns(problem):
    op, y = problem
    truth = np.linalg.lstsq(op.matrix, y.ravel(), rcond=None)[0]
    x = cgls(op, y, n_iterations=op.in_shape[0] + 2, gradient_tolerance=0.0)
    np.testing.assert_allclose(x, truth, rtol=1e-9)


def test_damping_is_tikhonov(problem):
    op, y = problem
    A = np.vstack([op.matrix, 0.7 * np.eye(op.in_shape[0])])
    truth = np.linalg.lstsq(A, np.concatenate([y.ravel(), np.zeros(op.in_shape[0])]), rcond=None)[0]
    np.testing.assert_allclose(cgls(op, y, damping=0.7, gradient_tolerance=1e-12), truth, rtol=1e-9)
    x0 = np.random.default_rng(2).standard_normal(op.in_shape)
    np.testing.assert_allclose(cgls(op, y, damping=0.7, x0=x0, gradient_tolerance=1e-12), truth, rtol=1e-8)


def test_a_wide_system_gives_the_shortest_solution(matrix_op):
    op = matrix_op(n_views=2, n_rays=3, n_voxels=20)
    y = np.random.default_rng(1).standard_normal(op.out_shape)
    truth = np.linalg.pinv(op.matrix) @ y.ravel()
    np.testing.assert_allclose(cgls(op, y, gradient_tolerance=1e-12), truth, rtol=1e-8)


def test_the_objective_falls_and_the_status_tells_the_truth(problem):
    op, y = problem
    seen = []
    cgls(op, y, n_iterations=8, damping=0.3, callback=seen.append)
    objective = [s.objective for s in seen]
    assert (np.diff(objective) < 0).all()
    x = seen[-1].image
    r2 = np.sum((op(x) - y) ** 2)
    assert seen[-1].residual == pytest.approx(np.sqrt(r2) / np.linalg.norm(y))
    assert objective[-1] == pytest.approx(0.5 * r2 + 0.5 * 0.3**2 * np.sum(x**2))
    assert seen[-1].change == pytest.approx(np.linalg.norm(x - seen[-2].image) / np.linalg.norm(x))


def test_a_warm_start_at_the_solution_stays_there(problem):
    op, y = problem
    x = cgls(op, y, gradient_tolerance=1e-12)
    seen = []
    np.testing.assert_allclose(cgls(op, y, x0=x, callback=seen.append), x, rtol=1e-12)
    assert len(seen) == 0


def test_stopping_and_refusals(matrix_op, problem):
    op, y = problem
    seen = []
    cgls(op, y, callback=lambda s: seen.append(s) or s.iteration < 3)
    assert len(seen) == 3
    with pytest.raises(ConvergenceError, match="iteration 1"):
        cgls(op, np.full(op.out_shape, np.nan))
    with pytest.raises(SpecError, match="matched"):
        cgls(matrix_op(matched=False), y)
    with pytest.raises(SpecError, match="damping"):
        cgls(op, y, damping=-1.0)
