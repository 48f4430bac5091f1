"""CGLS: conjugate gradients on the normal equations, never formed."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.iteration import (
    Callback,
    IterationStatus,
    StoppingRule,
    data_of,
    norm,
    relative,
    squared_norm,
    start_of,
)
from scanmill.arrays import Array
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def cgls(
    op: LinearOperator,
    y: Array,
    *,
    n_iterations: int = 30,
    damping: float = 0.0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    gradient_tolerance: float = 1e-7,
    callback: Callback | None = None,
) -> Array:
    """Least squares by conjugate gradients: argmin ‖A x - y‖² + λ² ‖x‖², λ = ``damping``.

    Hestenes & Stiefel, J. Res. NBS 49 (1952) 409; Björck, Numerical Methods for Least Squares Problems (1996),
    alg. 7.4.1. Unbounded by nature: clip afterwards, or take SIRT. Without damping, stopping early is the
    regularisation. ``x0`` is a start (not a prior): the damping still pulls to zero; the directions start anew, so
    a restart converges to the same image by another way.

    The objective of the status is ½ ‖A x - y‖² + ½ λ² ‖x‖². It also ends once the gradient has fallen to
    ``gradient_tolerance`` ‖Aᴴ y‖. Raises ConvergenceError where it diverges.
    """
    if damping < 0 or gradient_tolerance < 0:
        raise SpecError("damping and gradient_tolerance must not be negative", got=(damping, gradient_tolerance))
    require_matched(op)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    x = start_of(op, y, x0)
    r = y - op(x)
    s = op.H(r) - damping**2 * x
    p, gamma = s, squared_norm(s)
    y_norm, start = norm(y), relative(norm(r), norm(y))
    least_gamma = gradient_tolerance**2 * (gamma if x0 is None else squared_norm(op.H(y)))
    for iteration in range(1, n_iterations + 1):
        if gamma <= least_gamma:
            break
        q = op(p)
        alpha = gamma / (squared_norm(q) + damping**2 * squared_norm(p))
        x, r = x + alpha * p, r - alpha * q
        s = op.H(r) - damping**2 * x
        gamma, before = squared_norm(s), gamma
        status = IterationStatus(
            iteration,
            residual=relative(norm(r), y_norm),
            change=relative(abs(alpha) * norm(p), norm(x)),
            objective=0.5 * squared_norm(r) + 0.5 * damping**2 * squared_norm(x),
            image=x,
        )
        p = s + (gamma / before) * p
        if rule.ends(status, start):
            break
    return x
