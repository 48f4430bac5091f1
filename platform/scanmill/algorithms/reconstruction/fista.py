"""FISTA: least squares with a sparsity, by accelerated gradient steps, each followed by a denoising."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.iteration import (
    NON_NEGATIVE,
    Bounds,
    Callback,
    IterationStatus,
    StoppingRule,
    check_bounds,
    data_of,
    norm,
    relative,
    squared_norm,
    start_of,
)
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.algorithms.reconstruction.sparsity import Sparsity, denoise
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, device_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

SAFETY = 1.05
"""By how much the estimated norm of A, a lower bound, is raised before it sets the step."""


def fista(
    op: LinearOperator,
    y: Array,
    sparsity: Sparsity,
    *,
    weight: float,
    n_iterations: int = 100,
    n_inner: int = 20,
    bounds: Bounds = NON_NEGATIVE,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α φ(K x) inside the bounds, α = ``weight``, by the monotone FISTA.

        z ← prox(v - Aᴴ (A v - y) / L), prox of α φ / L and the bounds        x⁺ ← z if it is better than x, else x
        v ← x⁺ + (t / t⁺) (z - x⁺) + ((t - 1) / t⁺) (x⁺ - x),                 t⁺ = (1 + √(1 + 4 t²)) / 2

    (Beck & Teboulle, IEEE Trans. Image Process. 18 (2009) 2419, MFISTA), L = (1.05 ‖A‖)² from a power iteration
    seeded with ``seed``, the prox by ``n_inner`` steps of `denoise`, its dual kept from one iteration to the next.
    The objective, the function above, never rises. A warm start ``x0`` begins a new momentum: it converges to the
    same image by another way. Raises ConvergenceError where it diverges.
    """
    check_weight(weight)
    if n_inner < 1:
        raise SpecError("the denoising needs a step", expected="n_inner >= 1", got=n_inner)
    if sparsity.analysis.in_shape != op.in_shape:
        raise InputError("the sparsity is of another image", expected=op.in_shape, got=sparsity.analysis.in_shape)
    require_matched(op)
    check_bounds(bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    x = start_of(op, y, x0, bounds)
    L = (SAFETY * operator_norm(op, seed=seed, device=device_of(y))) ** 2
    Ax = op(x)
    v, Av, t, dual = x, Ax, 1.0, None
    best = 0.5 * squared_norm(Ax - y) + weight * sparsity.value(sparsity.analysis(x))
    y_norm, start = norm(y), relative(norm(Ax - y), norm(y))
    for iteration in range(1, n_iterations + 1):
        step = v - op.H(Av - y) / L if L > 0 else v
        z, dual = denoise(step, sparsity, weight / L if L > 0 else 0.0, n_inner, bounds=bounds, dual=dual)
        Az = op(z)
        objective = 0.5 * squared_norm(Az - y) + weight * sparsity.value(sparsity.analysis(z))
        before, Ax_before, before_t = x, Ax, t
        if not objective > best:
            x, Ax, best = z, Az, objective
        t = (1 + (1 + 4 * before_t**2) ** 0.5) / 2
        v = x + (before_t / t) * (z - x) + ((before_t - 1) / t) * (x - before)
        Av = Ax + (before_t / t) * (Az - Ax) + ((before_t - 1) / t) * (Ax - Ax_before)
        status = IterationStatus(
            iteration,
            residual=relative(norm(Ax - y), y_norm),
            change=relative(norm(z - before), norm(z)),
            objective=best,
            image=x,
        )
        if rule.ends(status, start):
            break
    return x
