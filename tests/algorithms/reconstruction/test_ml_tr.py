import numpy as np
import pytest
from scipy.optimize import minimize

from scanmill.algorithms.reconstruction import ml_tr
from scanmill.algorithms.reconstruction.ml_tr import SHORT, curvature
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp
from scanmill.phantoms import Ellipsoid, Phantom


@pytest.fixture
def problem(matrix_op):
    """An operator, Poisson counts, their blank scan and background."""
    op = matrix_op(n_views=8)
    rng = np.random.default_rng(3)
    blank, background = 50 + 20 * rng.random((1, op.out_shape[1])), 3.0
    mean = blank * np.exp(-op(0.6 * rng.random(op.in_shape))) + background
    return op, rng.poisson(mean).astype(np.float64), blank, background


def cost(op, y, blank, background, x):
    mean = blank * np.exp(-op(x)) + background
    return float(np.sum(mean - y * np.log(mean)))


@pytest.mark.parametrize("background", [0.0, 3.0])
def test_the_likelihood_never_falls(problem, background):
    op, y, blank, _ = problem
    seen = []
    ml_tr(op, y, blank, background=background, n_iterations=200, callback=seen.append)
    costs = np.array([cost(op, y, blank, background, s.image) for s in seen])
    assert (np.diff(costs) <= 1e-9 * abs(costs[0])).all()
    np.testing.assert_allclose(np.diff([s.objective for s in seen])[1:], np.diff(costs)[:-1], atol=1e-8)


def test_it_comes_to_the_maximum_that_a_general_solver_finds(problem):
    op, y, blank, background = problem

    def both(x):
        e = blank * np.exp(-op(x))
        return cost(op, y, blank, background, x), op.H(e * (y / (e + background) - 1))

    best = minimize(both, np.full(op.in_shape, 0.3), jac=True, method="L-BFGS-B", bounds=[(0, 2)] * 12, tol=1e-15)
    x = ml_tr(op, y, blank, background=background, n_iterations=5000, bounds=(0.0, 2.0))
    assert cost(op, y, blank, background, x) == pytest.approx(best.fun, abs=1e-6)
    np.testing.assert_allclose(x, best.x, atol=2e-3)


def test_one_step_by_hand(matrix_op):
    """The first step from zero: Σ a b (1 - y/b) / Σ a γ b, its curvature at zero being b."""
    op = matrix_op(n_views=2)
    y, blank = np.full(op.out_shape, 30.0), np.full(op.out_shape, 100.0)
    A = op.matrix
    expected = A.T @ np.full(10, 70.0) / (A.T @ (A.sum(axis=1) * 100.0))
    np.testing.assert_allclose(ml_tr(op, y, 100.0, n_iterations=1), expected, rtol=1e-12)
    np.testing.assert_allclose(ml_tr(op, y, blank, n_iterations=1), expected, rtol=1e-12)


def test_the_parabola_lies_above_the_likelihood_and_touches_it():
    lines = np.array([0.001, 0.9 * SHORT, 1.1 * SHORT, 0.5, 2.0, 6.0])[:, None]
    y, b, r = (a.ravel() for a in np.meshgrid([0.0, 5.0, 80.0, 400.0], [100.0], [0.0, 4.0]))
    c = curvature(lines, y, b, r)

    def h(line):
        mean = b * np.exp(-line) + r
        return mean - y * np.log(mean)

    e = b * np.exp(-lines)
    slope = e * (y / (e + r) - 1)
    for other in np.linspace(0, 12, 400):
        parabola = h(lines) + slope * (other - lines) + 0.5 * c * (other - lines) ** 2
        assert (parabola >= h(other) - 1e-9 * abs(h(other))).all()
    np.testing.assert_allclose(
        curvature(*(a.astype(np.float32) for a in np.broadcast_arrays(lines, y, b, r))), c, rtol=1e-3
    )


def test_subsets_are_faster_where_the_data_agree(matrix_op):
    op = matrix_op(n_views=8)
    truth = 0.6 * np.random.default_rng(3).random(op.in_shape)
    y = 100 * np.exp(-op(truth))
    one, four = (ml_tr(op, y, 100.0, n_iterations=40, n_subsets=n) for n in (1, 4))
    assert np.linalg.norm(four - truth) < 0.7 * np.linalg.norm(one - truth)


def test_starved_rays_need_no_logarithm():
    """A disc too dense for the few photons: many pixels count nothing, and the value is right all the same."""
    disc = Phantom((Ellipsoid((0.0, 0.0, 0.0), (20.0, 20.0, 50.0), 0.12),))
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, 60, endpoint=False), 61, 1.0)
    op = ProjectionOp(VolumeGeometry.centered((1, 40, 40), (1.5, 1.5, 1.5)), scan)
    y = np.random.default_rng(0).poisson(200 * np.exp(-disc.line_integrals(scan))).astype(np.float32)
    assert (y == 0).mean() > 0.03
    x = ml_tr(op, y, 200.0, n_iterations=150)
    inside = np.hypot(*np.meshgrid(*[np.arange(40) * 1.5 - 29.25] * 2)) < 15
    assert x[0, inside].mean() == pytest.approx(0.12, rel=0.03)
    fast = ml_tr(op, y, 200.0, n_iterations=15, n_subsets=10)
    assert fast[0, inside].mean() == pytest.approx(0.12, rel=0.04)


def test_a_warm_start_goes_on_exactly(problem):
    op, y, blank, background = problem
    for n_subsets in (1, 4):
        knobs = {"background": background, "n_subsets": n_subsets, "order": "random", "seed": 2}
        whole, half = (ml_tr(op, y, blank, n_iterations=n, **knobs) for n in (6, 4))
        again = ml_tr(op, y, blank, n_iterations=2, x0=half, first_iteration=5, **knobs)
        assert again.tobytes() == whole.tobytes()


def test_refusals(matrix_op, problem):
    op, y, blank, _ = problem
    with pytest.raises(InputError, match="blank scan has no photons"):
        ml_tr(op, y, 0.0)
    with pytest.raises(InputError, match="blank scan does not fit"):
        ml_tr(op, y, np.ones((3, 4)))
    for bad in (-y - 1, y * np.nan):
        with pytest.raises(InputError, match="negative"):
            ml_tr(op, bad, blank)
    for bounds in ((None, None), (-1.0, None)):
        with pytest.raises(SpecError, match="zero or more"):
            ml_tr(op, y, blank, bounds=bounds)
    with pytest.raises(SpecError, match="matched"):
        ml_tr(matrix_op(n_views=8, matched=False), y, blank)
