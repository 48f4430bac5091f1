"""The norm of an operator, for step sizes."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.reconstruction.items import (
    PerItem,
    as_item,
    item_choice,
    item_dot,
    item_ratio,
    item_squares,
    worst,
)
from scanmill.arrays import Array, to_device, xp_of
from scanmill.errors import ConvergenceError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

SAFETY = 1.05
"""By how much the estimated norm of A, a lower bound, is raised before it sets a step."""


def operator_norm(
    op: LinearOperator,
    *,
    seed: int = 0,
    n_iterations: int = 50,
    tolerance: float = 1e-3,
    item_axis: int | None = None,
    device: str = "cpu",
) -> PerItem:
    """‖A‖, the largest singular value, from below: √ of the largest Ritz value of Aᴴ A after some Lanczos steps.

    Golub & Van Loan, Matrix Computations, 10.1: of all vectors that the power iteration makes of the same start it
    takes the best combination, and so needs several times fewer steps. It starts from a seeded random vector and ends
    once the estimate grows by less than ``tolerance`` (relative): multiply by a safety factor where an upper bound is
    needed. With an ``item_axis`` (`items`) there is one norm for
    every item, which starts and ends as it would alone. Raises ConvergenceError on NaN.
    """
    require_matched(op)
    v = _start(op, seed, item_axis, device)
    v_before, estimate, running = v, 0.0, True
    alphas: list[PerItem] = []
    betas: list[PerItem] = []
    for iteration in range(1, n_iterations + 1):
        w = op.gram(v)
        alphas.append(item_dot(v, w, item_axis))
        w = w - as_item(alphas[-1], w, item_axis) * v
        w = w - as_item(betas[-1], w, item_axis) * v_before if betas else w
        betas.append(item_squares(w, item_axis) ** 0.5)
        if not np.isfinite(worst(alphas[-1]) + worst(betas[-1])):
            raise ConvergenceError(
                "the estimate of a norm met NaN", where=f"iteration {iteration}", got=worst(betas[-1])
            )
        before, estimate = estimate, item_choice(running, _largest(alphas, betas[:-1]) ** 0.5, estimate)
        running = running & (estimate - before > tolerance * estimate)
        if not xp_of(running).any(running):
            break
        v_before, v = v, w * as_item(item_ratio(1.0 * (betas[-1] != 0), betas[-1]), w, item_axis)
    return estimate


def _largest(alphas: list[PerItem], betas: list[PerItem]) -> PerItem:
    """The largest eigenvalue of the symmetric tridiagonal matrix with these diagonals, of every item."""
    xp, n = xp_of(alphas[0]), len(alphas)
    flat = xp.stack([xp.asarray(alpha) for alpha in alphas], axis=-1).reshape(-1, n)
    matrix = xp.zeros((*flat.shape, n))
    matrix[:, range(n), range(n)] = flat
    if betas:
        lower = xp.stack([xp.asarray(beta) for beta in betas], axis=-1).reshape(-1, n - 1)
        matrix[:, range(1, n), range(n - 1)] = lower
    largest = xp.maximum(xp.linalg.eigvalsh(matrix)[:, -1], 0.0)
    return float(largest[0]) if isinstance(alphas[0], float) else largest.reshape(alphas[0].shape)


def _start(op: LinearOperator, seed: int, item_axis: int | None, device: str) -> Array:
    """A random image of norm 1, the same for every item."""
    shape = list(op.in_shape)
    if item_axis is not None:
        shape[item_axis] = 1
    v = np.random.default_rng(seed).standard_normal(shape).astype(op.dtype)
    v /= np.sqrt(np.sum(np.square(np.abs(v)), dtype=np.float64)).astype(v.real.dtype)
    return to_device(np.ascontiguousarray(np.broadcast_to(v, op.in_shape)), device)
