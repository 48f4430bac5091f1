import numpy as np
import pytest
from scipy.optimize import minimize

from scanmill.algorithms.reconstruction import photon_weights, pwls
from scanmill.algorithms.reconstruction.edge_preserving import EdgePreserving
from scanmill.algorithms.reconstruction.photon_weights import starved_share
from scanmill.data import Projections
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp
from scanmill.phantoms import Detector, Ellipsoid, Phantom, acquire

SPACING = (2.0, 1.0, 3.0)
KNOBS = {"weight": 2.0, "delta": 0.05, "n_subsets": 2}


def neighbours(x, spacing, scaled_by):
    """Differences along z, y, x, each over its spacing in parts of the smallest, zero at the upper ends."""
    for axis, h in enumerate(reversed(spacing)):
        after = np.take(x, np.minimum(np.arange(x.shape[axis]) + 1, x.shape[axis] - 1), axis)
        yield (after - x) * scaled_by / h


def penalty_value(x, kind, delta, spacing=(1.0, 1.0, 1.0)):
    """The definition, written out."""
    smallest = min(h for h, n in zip(spacing, reversed(x.shape), strict=True) if n > 1)
    d = list(neighbours(x, spacing, smallest))
    if kind == "tv":
        return float(np.sum(np.sqrt(sum(a**2 for a in d) + delta**2) - delta))
    return float(sum(np.where(abs(a) <= delta, a**2 / 2, delta * abs(a) - delta**2 / 2).sum() for a in d))


@pytest.mark.parametrize("kind", ["huber", "tv"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 6, 4)])
def test_the_penalty_is_its_definition_and_its_gradient_the_difference_quotient(kind, shape):
    edges = EdgePreserving(kind, 0.3, shape, spacing=SPACING, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal(shape)
    value, gradient = edges.value_and_gradient(x)
    assert value == pytest.approx(penalty_value(x, kind, 0.3, SPACING))
    for index in [(0, 0, 0), tuple(n - 1 for n in shape), (0, 2, 1)]:
        step = np.zeros(shape)
        step[index] = 1e-6
        up, down = (penalty_value(x + s, kind, 0.3, SPACING) for s in (step, -step))
        assert gradient[index] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("kind", ["huber", "tv"])
def test_the_curvature_bounds_the_second_difference(kind):
    edges = EdgePreserving(kind, 0.1, (3, 4, 5), spacing=SPACING, dtype=np.float64)
    rng = np.random.default_rng(1)
    worst = 0.0
    for scale in (1e-3, 0.1, 1.0):
        for _ in range(50):
            x, step = scale * rng.standard_normal((3, 4, 5)), 1e-3 * rng.choice([-1.0, 1.0], (3, 4, 5))
            gradients = [edges.value_and_gradient(x + s)[1] for s in (step, -step)]
            worst = max(worst, float(np.sum((gradients[0] - gradients[1]) * step) / (2 * np.sum(step**2))))
    assert 0.1 * edges.curvature < worst <= edges.curvature


class Volumes:
    """A matrix operator whose images have three axes."""

    def __new__(cls, matrix_op, shape):
        from scanmill.operators import LinearOperator

        inner = matrix_op(n_voxels=int(np.prod(shape)), n_views=8)

        class Shaped(LinearOperator):
            def __init__(self, inner):
                super().__init__(shape, inner.out_shape, inner.dtype)
                self.inner = inner

            def _apply(self, x):
                return self.inner(x.ravel())

            def _adjoint(self, y):
                return self.inner.H(y).reshape(shape)

            def subset(self, views):
                return Shaped(self.inner.subset(views))

        return Shaped(inner)


@pytest.fixture
def problem(matrix_op):
    """An operator on (2, 3, 4) voxels, noisy data and weights that span two decades."""
    op = Volumes(matrix_op, (2, 3, 4))
    rng = np.random.default_rng(1)
    y = op(rng.random(op.in_shape)) + 0.1 * rng.standard_normal(op.out_shape)
    return op, y, 10 ** rng.uniform(-1, 1, op.out_shape)


def objective(op, y, w, kind, x):
    data = 0.5 * float(np.sum(w * (op(x) - y) ** 2))
    return data + KNOBS["weight"] * penalty_value(x, kind, KNOBS["delta"], SPACING)


def reference(op, y, w, kind, bounds):
    """The minimum by scipy, in float64, its gradient by the penalty's definition (checked above)."""
    edges = EdgePreserving(kind, KNOBS["delta"], op.in_shape, spacing=SPACING, dtype=np.float64)

    def both(v):
        x = v.reshape(op.in_shape)
        gradient = op.H(w * (op(x) - y)) + KNOBS["weight"] * edges.value_and_gradient(x)[1]
        return objective(op, y, w, kind, x), gradient.ravel()

    size = int(np.prod(op.in_shape))
    knobs = {"ftol": 1e-16, "gtol": 1e-10, "maxiter": 20000, "maxfun": 40000, "maxcor": 40}
    return minimize(both, np.full(size, 0.5), jac=True, method="L-BFGS-B", bounds=[bounds] * size, options=knobs)


@pytest.mark.parametrize("kind", ["huber", "tv"])
@pytest.mark.parametrize("bounds", [(None, None), (0.0, 0.7)])
def test_one_subset_comes_to_the_minimum_of_a_general_solver(problem, kind, bounds):
    op, y, w = problem
    best = reference(op, y, w, kind, bounds)
    x = pwls(op, y, w, penalty=kind, spacing=SPACING, n_iterations=3000, bounds=bounds, **{**KNOBS, "n_subsets": 1})
    assert objective(op, y, w, kind, x) == pytest.approx(best.fun, rel=1e-9)
    np.testing.assert_allclose(x.ravel(), best.x, atol=1e-4)


def test_without_momentum_the_objective_never_rises_and_comes_to_the_same(problem):
    op, y, w = problem
    seen = []
    knobs = {**KNOBS, "spacing": SPACING, "n_subsets": 1}
    x = pwls(op, y, w, momentum=False, n_iterations=6000, callback=seen.append, **knobs)
    objectives = np.array([s.objective for s in seen])
    assert (np.diff(objectives) <= 1e-12 * objectives[0]).all()
    assert seen[-1].objective == pytest.approx(objective(op, y, w, "huber", seen[-2].image))
    np.testing.assert_allclose(x, pwls(op, y, w, n_iterations=3000, **knobs), atol=5e-4)


def test_momentum_is_faster(problem):
    op, y, w = problem
    best = reference(op, y, w, "huber", (0.0, None)).fun

    def above(n_iterations, **knobs):
        x = pwls(op, y, w, spacing=SPACING, n_iterations=n_iterations, **{**KNOBS, **knobs})
        return objective(op, y, w, "huber", x) - best

    assert above(60, n_subsets=1) < 0.1 * above(60, n_subsets=1, momentum=False)


def test_a_low_dose_scan_is_better_with_its_weights_and_sooner_with_subsets():
    """Two dense rods in water: the few rays through both that hardly a photon passes must not make streaks."""
    rods = [Ellipsoid((x, 0.0, 0.0), (8.0, 8.0, 500.0), 0.1) for x in (-35.0, 35.0)]
    phantom = Phantom((Ellipsoid((0.0, 0.0, 0.0), (60.0, 40.0, 500.0), 0.02), *rods))
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, 90, endpoint=False), 96, 1.4)
    raw = acquire(phantom, scan, Detector(photons=500.0), seed=1, supersampling=2)
    y = -np.log(np.maximum(raw.array, 0.5) / 500.0).astype(np.float32)
    grid = VolumeGeometry.centered((1, 64, 64), (2.0, 2.0, 2.0))
    op, truth = ProjectionOp(grid, scan), phantom.voxels(grid).array
    w = photon_weights(Projections(y, scan, photons=500.0))

    def best(ray_weights):
        images = [pwls(op, y, ray_weights, weight=b, delta=1e-3, n_iterations=12) for b in (1e5, 3e5, 1e6)]
        return min(np.linalg.norm(x - truth) for x in images) / np.linalg.norm(truth)

    assert best(w) < min(0.09, 0.9 * best(np.full_like(w, w.mean())))
    knobs = {"weight": 1e5, "delta": 1e-3, "n_iterations": 3}
    few = pwls(op, y, w, **knobs)
    assert np.linalg.norm(few - truth) < 0.5 * np.linalg.norm(pwls(op, y, w, n_subsets=1, **knobs) - truth)
    assert few.tobytes() == pwls(op, y, w, **knobs).tobytes()


def test_photon_weights_are_the_inverse_variance_of_line_integrals():
    rng = np.random.default_rng(0)
    scan = ScanGeometry.parallel([0.0], 3, 1.0)
    truth, photons = np.array([[[0.0, 1.0, 2.0]]]), np.array([[[1e4, 2e4, 3e4]]])
    noisy = -np.log(rng.poisson(photons * np.exp(-truth), (20000, 1, 1, 3)) / photons)
    weights = photon_weights(Projections(truth, scan, photons=photons))
    np.testing.assert_allclose(1 / noisy.var(axis=0), weights, rtol=0.05)
    assert starved_share(weights) == 0


def test_photon_weights_refuse_what_they_cannot_know():
    scan = ScanGeometry.parallel([0.0], 3, 1.0)
    y = np.full((1, 1, 3), 2.0, np.float32)
    with pytest.raises(InputError, match="photon statistics are missing"):
        photon_weights(Projections(y, scan))
    with pytest.raises(InputError, match="line integrals"):
        photon_weights(Projections(y, scan, "counts", photons=10.0))
    for photons in (0.0, 1.0, np.zeros((1, 1, 3))):
        with pytest.raises(InputError, match="zero photon statistics"):
            photon_weights(Projections(y, scan, photons=photons))
    some = photon_weights(Projections(y, scan, photons=np.array([[[0.0, 100.0, 1.0]]])))
    assert starved_share(some) == pytest.approx(2 / 3)
    assert some.dtype == np.float32


def test_stopping_and_refusals(problem):
    op, y, w = problem
    seen = []
    pwls(op, y, w, change_tolerance=1e-3, n_iterations=500, callback=seen.append, **KNOBS)
    assert seen[-1].change <= 1e-3 < seen[-2].change
    with pytest.raises(ConvergenceError, match="iteration 1"):
        pwls(op, y * np.nan, w, **KNOBS)
    with pytest.raises(InputError, match="weights"):
        pwls(op, y, -w, **KNOBS)
    with pytest.raises(InputError, match="weights does not fit"):
        pwls(op, y, w[:3], **KNOBS)
    for wrong in ({"weight": -1.0}, {"delta": 0.0}, {"penalty": "no"}, {"n_subsets": 9}):
        with pytest.raises(SpecError):
            pwls(op, y, w, **{**KNOBS, **wrong})
