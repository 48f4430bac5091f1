import numpy as np
import pytest

from scanmill.algorithms.reconstruction import os_sart, sart
from scanmill.errors import SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp


def test_it_is_sart_written_out(matrix_op):
    op = matrix_op()
    y = np.random.default_rng(1).random(op.out_shape)
    x = np.zeros(op.in_shape)
    for _ in range(3):
        for A, b in zip(op.matrix.reshape(*op.out_shape, -1), y, strict=True):
            x = np.maximum(x + 0.8 * (A.T @ ((b - A @ x) / A.sum(axis=1))) / A.sum(axis=0), 0)
    ours = sart(op, y, n_iterations=3, relaxation=0.8, order="sequential")
    np.testing.assert_allclose(ours, x, rtol=1e-12)


def test_weights_made_anew_give_the_bytes_of_kept_ones():
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, 7, endpoint=False), 15, 1.0)
    op = ProjectionOp(VolumeGeometry.centered((1, 12, 12)), scan)
    y = np.random.default_rng(0).random(op.out_shape).astype(np.float32)
    kept = os_sart(op, y, n_iterations=2, n_subsets=7, relaxation=0.5)
    assert sart(op, y, n_iterations=2).tobytes() == kept.tobytes()


def test_a_warm_start_goes_on_exactly(matrix_op):
    op = matrix_op()
    y = np.random.default_rng(1).random(op.out_shape)
    knobs = {"order": "random", "seed": 3, "relaxation_decay": 0.9}
    half = sart(op, y, n_iterations=2, **knobs)
    whole = sart(op, y, n_iterations=5, **knobs)
    assert sart(op, y, n_iterations=3, x0=half, first_iteration=3, **knobs).tobytes() == whole.tobytes()
    with pytest.raises(SpecError, match="relaxation"):
        sart(op, y, relaxation=2.0)
