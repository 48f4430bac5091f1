"""PWLS: penalised weighted least squares by ordered subsets with momentum."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.reconstruction.edge_preserving import EdgePreserving, Penalty
from scanmill.algorithms.reconstruction.iteration import (
    NON_NEGATIVE,
    Bounds,
    Callback,
    IterationStatus,
    StoppingRule,
    check_bounds,
    clip,
    data_of,
    norm,
    reciprocal,
    relative,
    squared_norm,
    start_of,
)
from scanmill.algorithms.reconstruction.ordered_subsets import OrderedSubsets, SubsetOrder
from scanmill.algorithms.reconstruction.poisson import rays_of
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, xp_of
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def pwls(
    op: LinearOperator,
    y: Array,
    ray_weights: float | Array,
    *,
    weight: float,
    delta: float,
    penalty: Penalty = "huber",
    spacing: Sequence[float] | None = None,
    n_iterations: int = 20,
    n_subsets: int = 10,
    momentum: bool = True,
    order: SubsetOrder = "golden",
    seed: int = 0,
    bounds: Bounds = NON_NEGATIVE,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ Σ w (A x - y)² + β Σ φ(differences of x) inside the bounds, w = ``ray_weights``, β = ``weight``.

        x⁺ ← P(z - (M A_sᴴ W_s (A_s z - y_s) + β ∇φ(z)) / D),   D = M max_s A_sᴴ W_s A_s 1 + β times φ's curvature
        z ← x⁺ + (t - 1) / t⁺ (x⁺ - x),                         t⁺ = (1 + √(1 + 4 t²)) / 2

    for the M subsets s of the views in turn: separable quadratic surrogates with ordered subsets and Nesterov's
    momentum (Kim, Ramani & Fessler, IEEE Trans. Med. Imaging 34 (2015) 167, OS-Nes83), the momentum started anew
    when the step turns against it (O'Donoghue & Candès, Found. Comput. Math. 15 (2015) 715). D is the paper's Aᴴ W A 1
    where the subsets see a voxel alike; where they do not, at the rim of a fan, their sum would let momentum run away.
    One subset converges to the minimum; more are faster and end near it, as long as each has about ten views or more.
    ``penalty``, ``delta`` and ``spacing`` are those of `EdgePreserving`. With w from `photon_weights` the first term
    is minus the log-likelihood, so that β has its meaning at any dose. The momentum begins anew with every call: a
    warm start ``x0`` comes to the same image by another way.

    The residual (not weighted) and the objective of the status are summed from the subsets as they are met, so they
    belong to the points z on the way. Raises InputError for weights that do not fit or are negative,
    ConvergenceError where it diverges.
    """
    check_weight(weight)
    subsets = OrderedSubsets(op, n_subsets, order, seed)
    edges = EdgePreserving(penalty, delta, op.in_shape, spacing=spacing, dtype=op.dtype)
    require_matched(op)
    check_bounds(bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    w = rays_of(ray_weights, y, "the array of weights")
    x = start_of(op, y, x0, bounds)
    operators, data, weights = subsets.operators(), subsets.data(y), subsets.data(w)
    step = reciprocal(_curvature(operators, weights) + op.dtype.type(weight * edges.curvature))
    z, t, y_norm, start = x, 1.0, norm(y), None
    for iteration in range(1, n_iterations + 1):
        first, squares, objective, penalised = x, 0.0, 0.0, 0.0
        for s in subsets.turn(iteration):
            residual = operators[s](z) - data[s]
            pull = weights[s] * residual
            squares += squared_norm(residual)
            objective += 0.5 * float(xp_of(y).sum(residual * pull, dtype="float64"))
            penalised, gradient = edges.value_and_gradient(z)
            gradient *= weight
            gradient += n_subsets * operators[s].H(pull)
            before, x = x, clip(z - step * gradient, bounds)
            t, z = _momentum(t, z, x, before, step) if momentum else (1.0, x)
        status = IterationStatus(
            iteration,
            relative(squares**0.5, y_norm),
            relative(norm(x - first), norm(x)),
            objective + weight * penalised,
            x,
        )
        start = status.residual if start is None else start
        if rule.ends(status, start):
            break
    return x


def _curvature(operators: list[LinearOperator], weights: list[Array]) -> Array:
    """M max_s A_sᴴ W_s A_s 1: above the curvature of each subset's share of the data, M times over."""
    xp, op = xp_of(weights[0]), operators[0]
    ones = xp.ones(op.in_shape, dtype=op.dtype)
    greatest = xp.zeros(op.in_shape, dtype=op.dtype)
    for part, w in zip(operators, weights, strict=True):
        xp.maximum(greatest, part.H(w * part(ones)), out=greatest)
    return len(operators) * greatest


def _momentum(t: float, z: Array, x: Array, before: Array, step: Array) -> tuple[float, Array]:
    """The next t and z; from the start where the step x - z, in the metric 1 / ``step``, points against x - before."""
    move = x - before
    against = (z - x) * move * reciprocal(step)
    if float(xp_of(x).sum(against, dtype="float64")) > 0:
        return 1.0, x
    t_next = (1 + (1 + 4 * t**2) ** 0.5) / 2
    move *= (t - 1) / t_next
    move += x
    return t_next, move
