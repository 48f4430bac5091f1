import numpy as np
import pytest

from scanmill.algorithms.calibration import radial_density_compensation
from scanmill.algorithms.reconstruction import operator_norm
from scanmill.algorithms.reconstruction.fista import MARGIN
from scanmill.errors import ConvergenceError, SpecError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.operators.sense import sense_op
from scanmill.phantoms.coils import CoilArray


def test_it_is_the_largest_singular_value_from_below(matrix_op):
    for seed in range(5):
        op = matrix_op(seed=seed)
        truth = np.linalg.norm(op.matrix, 2)
        assert 0.99 * truth <= operator_norm(op, seed=seed) <= truth * (1 + 1e-12)
        assert operator_norm(op, seed=seed, tolerance=0, n_iterations=300) == pytest.approx(truth, rel=1e-10)


def test_the_same_seed_gives_the_same_number(matrix_op):
    assert operator_norm(matrix_op(), seed=3) == operator_norm(matrix_op(), seed=3)


def test_zero_nan_and_unmatched(matrix_op):
    op = matrix_op()
    op.matrix[:] = 0
    assert operator_norm(op) == 0.0
    op.matrix[:] = np.nan
    with pytest.raises(ConvergenceError):
        operator_norm(op)
    with pytest.raises(SpecError):
        operator_norm(matrix_op(matched=False))


def on_a_grid_at_random(coils):
    return sense_op(coils, sampling_mask=np.random.default_rng(0).random((1, 1, 64, 64)) < 0.2)


def along_spokes(coils):
    points = Trajectory.radial(17, 128, matrix=64).points[0, 0]
    return sense_op(coils, points=points, weights=radial_density_compensation(points), normal="toeplitz")


@pytest.mark.parametrize("sampled", [on_a_grid_at_random, along_spokes])
def test_of_undersampled_kspace_it_falls_short_by_less_than_the_margin_of_fista(sampled):
    grid = VolumeGeometry.centered((1, 64, 64))
    coils = CoilArray.loops(4, body_mm=30.0).values(grid.voxel_points())[None, None]
    op = sampled(coils.astype(np.complex64))
    truth = operator_norm(op, tolerance=1e-8, n_iterations=200)
    assert truth / MARGIN < operator_norm(op) <= truth * (1 + 1e-6)
