"""The norm of an operator, for step sizes."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.reconstruction.iteration import norm
from scanmill.arrays import to_device
from scanmill.errors import ConvergenceError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def operator_norm(
    op: LinearOperator, *, seed: int = 0, n_iterations: int = 50, tolerance: float = 1e-3, device: str = "cpu"
) -> float:
    """‖A‖, the largest singular value, from below: √‖Aᴴ A v‖ with v ← Aᴴ A v / ‖Aᴴ A v‖ (Golub & Van Loan, 7.3.1).

    It starts from a seeded random vector and ends once the estimate grows by less than ``tolerance`` (relative):
    multiply by a safety factor where an upper bound is needed. Raises ConvergenceError on NaN.
    """
    require_matched(op)
    v = to_device(np.random.default_rng(seed).standard_normal(op.in_shape).astype(op.dtype), device)
    v = v / norm(v)
    estimate = 0.0
    for iteration in range(1, n_iterations + 1):
        w = op.gram(v)
        length = norm(w)
        if not np.isfinite(length):
            raise ConvergenceError("the power iteration met NaN", where=f"iteration {iteration}", got=length)
        if length == 0.0:
            return 0.0
        v, before, estimate = w / length, estimate, length**0.5
        if estimate - before <= tolerance * estimate:
            break
    return estimate
