import numpy as np
import pytest

from scanmill.algorithms.reconstruction import operator_norm
from scanmill.errors import ConvergenceError, SpecError


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
