"""The peak of memory is predicted: not less than what NumPy takes, and not far more."""

import tracemalloc
from typing import get_args

import numpy as np
import pytest

from scanmill.algorithms.fusion import Method, fuse
from scanmill.algorithms.fusion.memory import predict_bytes


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("shape", [(1, 128, 96), (8, 32, 40)])
@pytest.mark.parametrize(("n", "rule"), [(2, "max-abs"), (3, "local-energy")])
def test_the_prediction_holds(method, shape, n, rule):
    rng = np.random.default_rng(0)
    images = [rng.normal(size=shape).astype(np.float32) for _ in range(n)]
    fuse(images, method, rule=rule)
    tracemalloc.start()
    fuse(images, method, rule=rule)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.05 * predict_bytes(shape, n, method, rule) + 150_000  # SciPy's line buffers
    assert peak >= 0.5 * predict_bytes(shape, n, method, rule)
