import numpy as np
import pytest
from scipy.sparse.linalg import lsqr as scipy_lsqr

from scanmill.algorithms.reconstruction import cgls, lsqr
from scanmill.errors import ConvergenceError, SpecError


@pytest.fixture
def problem(matrix_op):
    """An operator and inconsistent data."""
    op = matrix_op()
    return op, np.random.default_rng(1).standard_normal(op.out_shape)


@pytest.mark.parametrize("damping", [0.0, 0.7])
@pytest.mark.parametrize("warm", [False, True])
def test_every_image_on_the_way_is_scipys(problem, damping, warm):
    op, y = problem
    x0 = np.random.default_rng(2).standard_normal(op.in_shape) if warm else None
    seen = []
    lsqr(op, y, n_iterations=9, damping=damping, x0=x0, callback=seen.append)
    for status in seen:
        theirs = scipy_lsqr(
            op.matrix, y.ravel(), damp=damping, x0=x0, iter_lim=status.iteration, atol=0, btol=0, conlim=0
        )
        np.testing.assert_allclose(status.image, theirs[0], rtol=0, atol=1e-6)
        residual = np.linalg.norm(op(status.image) - y)
        assert status.residual * np.linalg.norm(y) == pytest.approx(residual)
        assert status.objective == pytest.approx(0.5 * theirs[4] ** 2)


def test_it_finds_the_least_squares_of_numpy(problem):
    op, y = problem
    truth = np.linalg.lstsq(op.matrix, y.ravel(), rcond=None)[0]
    x = lsqr(op, y, n_iterations=op.in_shape[0] + 2, gradient_tolerance=0.0)
    np.testing.assert_allclose(x, truth, rtol=1e-9)


def test_its_images_are_those_of_cgls(problem):
    op, y = problem
    for n in (1, 4, 8):
        np.testing.assert_allclose(
            lsqr(op, y, n_iterations=n, damping=0.3), cgls(op, y, n_iterations=n, damping=0.3), rtol=0, atol=1e-7
        )


def test_a_wide_system_gives_the_shortest_solution_and_ends_there(matrix_op):
    op = matrix_op(n_views=2, n_rays=3, n_voxels=20)
    y = np.random.default_rng(1).standard_normal(op.out_shape)
    seen = []
    x = lsqr(op, y, gradient_tolerance=1e-12, callback=seen.append)
    np.testing.assert_allclose(x, np.linalg.pinv(op.matrix) @ y.ravel(), rtol=1e-8)
    assert len(seen) <= 7


def test_starts_at_the_solution_and_at_nothing_stay_there(problem):
    op, y = problem
    x = lsqr(op, y, gradient_tolerance=1e-12)
    np.testing.assert_allclose(lsqr(op, y, x0=x), x, rtol=1e-12)
    assert not lsqr(op, np.zeros_like(y)).any()


def test_stopping_and_refusals(matrix_op, problem):
    op, y = problem
    seen = []
    lsqr(op, y, change_tolerance=0.05, callback=seen.append)
    assert seen[-1].change <= 0.05 < seen[-2].change
    assert seen[-1].change == pytest.approx(
        np.linalg.norm(seen[-1].image - seen[-2].image) / np.linalg.norm(seen[-1].image)
    )
    with pytest.raises(ConvergenceError, match="iteration 1"):
        lsqr(op, np.full(op.out_shape, np.nan))
    with pytest.raises(SpecError, match="matched"):
        lsqr(matrix_op(matched=False), y)
    with pytest.raises(SpecError, match="damping"):
        lsqr(op, y, damping=-1.0)
