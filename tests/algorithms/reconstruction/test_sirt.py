import numpy as np
import pytest
from scipy.optimize import lsq_linear

from scanmill.algorithms.reconstruction import sirt
from scanmill.errors import ConvergenceError, InputError, SpecError


@pytest.fixture
def problem(matrix_op):
    """An operator and inconsistent data, whose unbounded solution has negative voxels."""
    op = matrix_op()
    rng = np.random.default_rng(1)
    return op, op(rng.standard_normal(op.in_shape)) + 0.1 * rng.standard_normal(op.out_shape)


def weighted(op, y):
    """The matrix and data with each row over the root of its sum: SIRT's least squares."""
    root = 1 / np.sqrt(op.matrix.sum(axis=1))
    return op.matrix * root[:, None], y.ravel() * root


def test_it_converges_to_the_weighted_least_squares_of_scipy(problem):
    op, y = problem
    truth = np.linalg.lstsq(*weighted(op, y), rcond=None)[0]
    x = sirt(op, y, n_iterations=20000, relaxation=1.9, bounds=(None, None))
    np.testing.assert_allclose(x, truth, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("bounds", [(0.0, None), (-0.2, 0.5)])
def test_with_bounds_it_converges_to_the_bounded_least_squares_of_scipy(problem, bounds):
    op, y = problem
    box = tuple(np.inf * sign if b is None else b for b, sign in zip(bounds, (-1, 1), strict=True))
    A, b = weighted(op, y)
    truth = lsq_linear(A, b, bounds=box, tol=1e-14)
    x = sirt(op, y, n_iterations=5000, relaxation=1.9, bounds=bounds)
    assert truth.active_mask.any()
    assert x.min() >= box[0]
    assert x.max() <= box[1]
    np.testing.assert_allclose(0.5 * np.sum((A @ x - b) ** 2), truth.cost, rtol=1e-9)


def test_the_objective_falls_and_the_status_tells_the_truth(problem):
    op, y = problem
    seen = []
    sirt(op, y, n_iterations=30, callback=seen.append)
    assert [s.iteration for s in seen] == list(range(1, 31))
    assert (np.diff([s.objective for s in seen]) <= 0).all()
    A, b = weighted(op, y)
    last = seen[-1]
    assert last.objective == pytest.approx(0.5 * np.sum((A @ last.image - b) ** 2))
    assert last.residual == pytest.approx(np.linalg.norm(op(last.image) - y) / np.linalg.norm(y))
    assert last.change == pytest.approx(np.linalg.norm(last.image - seen[-2].image) / np.linalg.norm(last.image))


def test_a_warm_start_goes_on_exactly(problem):
    op, y = problem
    half = sirt(op, y, n_iterations=7)
    kept = half.copy()
    assert sirt(op, y, n_iterations=5, x0=half).tobytes() == sirt(op, y, n_iterations=12).tobytes()
    np.testing.assert_array_equal(half, kept)


def test_rays_and_voxels_that_meet_nothing_count_nothing(matrix_op):
    op = matrix_op()
    op.matrix[3] = 0
    op.matrix[:, 2] = 0
    x = sirt(op, np.ones(op.out_shape), n_iterations=50)
    assert np.isfinite(x).all()
    assert x[2] == 0


def test_it_stops_at_a_tolerance_or_when_told(problem):
    op, y = problem
    seen = []
    sirt(op, y, n_iterations=20, callback=seen.append)
    wanted = seen[9].residual
    seen.clear()
    sirt(op, y, n_iterations=20, residual_tolerance=wanted, callback=seen.append)
    assert len(seen) == 10
    seen.clear()
    sirt(op, y, n_iterations=10000, change_tolerance=1e-4, callback=seen.append)
    assert seen[-1].change <= 1e-4 < seen[-2].change
    for answer in (False, "stop"):
        calls = []
        sirt(
            op,
            y,
            n_iterations=9,
            callback=lambda s, a=answer, c=calls: c.append(s) or (a if s.iteration == 4 else None),
        )
        assert len(calls) == 4


def test_nan_and_divergence_name_the_iteration(matrix_op):
    op = matrix_op()
    y = np.ones(op.out_shape)
    y[0, 0] = np.nan
    with pytest.raises(ConvergenceError, match=r"iteration 1.*residual nan"):
        sirt(op, y)
    op = matrix_op(n_views=2, n_rays=1, n_voxels=2)
    op.matrix[:] = [[1.0, -0.9], [-0.9, 1.0]]
    with pytest.raises(ConvergenceError, match=r"iteration 2\).*residual"):
        sirt(op, np.array([[1.0], [0.5]]), bounds=(None, None))


def test_what_it_refuses(matrix_op):
    op = matrix_op()
    y = np.ones(op.out_shape)
    with pytest.raises(SpecError, match="matched"):
        sirt(matrix_op(matched=False), y)
    with pytest.raises(SpecError, match="relaxation"):
        sirt(op, y, relaxation=2.0)
    with pytest.raises(SpecError, match="bounds"):
        sirt(op, y, bounds=(1.0, 0.0))
    with pytest.raises(SpecError, match="stopping"):
        sirt(op, y, n_iterations=0)
    with pytest.raises(InputError, match="data"):
        sirt(op, y[1:])
    with pytest.raises(InputError, match="warm start"):
        sirt(op, y, x0=np.ones(3))
