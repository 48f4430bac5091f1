import numpy as np
import pytest
from scipy.optimize import minimize

from scanmill.algorithms.reconstruction import asd_pocs, os_sart
from scanmill.algorithms.reconstruction.total_variation import total_variation
from scanmill.errors import ConvergenceError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.difference import GradientOp
from scanmill.operators.projection import ProjectionOp
from scanmill.phantoms import Ellipsoid, Phantom

BODY = Phantom((Ellipsoid((0, 0, 0), (25.0, 20.0, 18.0), 0.02), Ellipsoid((8.0, 3.0, 2.0), (7.0, 6.0, 6.0), 0.02)))
GRID = VolumeGeometry.centered((1, 40, 40), (1.5, 1.5, 1.5))
FEW = ScanGeometry.parallel(np.linspace(0, np.pi, 9, endpoint=False), 61, 1.0, row_spacing=1.5)


def variation(x):
    return total_variation(GradientOp(x.shape, dtype=x.dtype)(x))


def test_it_finds_the_body_from_nine_views():
    op, y, truth = ProjectionOp(GRID, FEW), BODY.line_integrals(FEW, dtype=np.float32), BODY.voxels(GRID).array
    ours = asd_pocs(op, y, n_iterations=60, n_subsets=9, residual_tolerance=0.01)
    theirs = os_sart(op, y, n_iterations=60, n_subsets=9)
    assert np.linalg.norm(ours - truth) < 0.6 * np.linalg.norm(theirs - truth)
    assert ours.dtype == np.float32
    assert ours.min() >= 0
    assert (
        asd_pocs(op, y, n_iterations=3, n_subsets=9).tobytes() == asd_pocs(op, y, n_iterations=3, n_subsets=9).tobytes()
    )


def test_it_comes_near_the_least_variation_that_agrees_with_the_data(matrix_op):
    """One-dimensional, with fewer rays than voxels; the truth by a linear programme's twin, smooth and penalised."""
    op = matrix_op(n_views=4, n_rays=2, n_voxels=16)
    truth = np.repeat([0.2, 1.0, 0.5, 0.7], 4)
    y, bound = op(truth), 0.02
    ours = asd_pocs(op, y, residual_tolerance=bound, n_subsets=4, n_iterations=700, n_descents=20, descent=0.2)

    def both(x):
        residual = (op(x) - y).ravel()
        excess = max(float(residual @ residual) - (bound * np.linalg.norm(y)) ** 2, 0.0)
        d = np.diff(x, append=x[-1])
        length = np.sqrt(d**2 + 1e-8)
        slope = -np.diff((d / length), prepend=0.0)
        return length.sum() + 1e4 * excess**2, slope + 4e4 * excess * (op.matrix.T @ residual)

    knobs = {"maxiter": 50000, "maxfun": 100000, "ftol": 1e-15, "gtol": 1e-9}
    best = minimize(both, truth, jac=True, method="L-BFGS-B", bounds=[(0, None)] * 16, options=knobs).x
    assert np.linalg.norm(op(ours) - y) <= 1.02 * bound * np.linalg.norm(y)
    assert abs(np.diff(ours)).sum() <= 1.05 * abs(np.diff(best)).sum()


def test_the_tolerance_is_what_the_data_are_met_to():
    op = ProjectionOp(GRID, FEW)
    y = BODY.line_integrals(FEW, dtype=np.float32)
    y = y + 0.02 * y.max() * np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    knobs = {"n_iterations": 150, "n_subsets": 3, "n_descents": 10, "descent": 0.2, "relaxation_decay": 0.985}
    tight, loose = (asd_pocs(op, y, residual_tolerance=bound, **knobs) for bound in (0.01, 0.1))
    residuals = [np.linalg.norm(op(x) - y) / np.linalg.norm(y) for x in (tight, loose)]
    assert residuals[0] < 0.06
    assert residuals[1] == pytest.approx(0.1, rel=0.1)
    assert variation(loose) < 0.9 * variation(tight)


def test_the_status_is_true_and_refusals(matrix_op):
    op = matrix_op()
    y = op(np.random.default_rng(1).random(op.in_shape))
    seen = []
    image = asd_pocs(op, y, n_iterations=7, n_subsets=2, callback=seen.append)
    assert [s.iteration for s in seen] == list(range(1, 8))
    assert image is seen[-1].image
    assert seen[-1].residual == pytest.approx(np.linalg.norm(op(image) - y) / np.linalg.norm(y))
    assert seen[-1].objective == pytest.approx(abs(np.diff(image)).sum(), rel=1e-2)
    with pytest.raises(ConvergenceError, match="iteration 1"):
        asd_pocs(op, y * np.nan, n_subsets=2)
    wrong = [
        {"relaxation": 2.0},
        {"relaxation_decay": 0.0},
        {"n_descents": 0},
        {"descent": 0.0},
        {"descent_decay": 2.0},
    ]
    wrong += [{"greatest_ratio": 0.0}, {"n_subsets": 7}, {"residual_tolerance": -1.0}]
    for knobs in wrong:
        with pytest.raises(SpecError):
            asd_pocs(op, y, **{"n_subsets": 2, **knobs})
    with pytest.raises(SpecError, match="matched"):
        asd_pocs(matrix_op(matched=False), y, n_subsets=2)
