"""ADMM: any sparsity with any encoding, the image by conjugate gradients in every iteration."""

from __future__ import annotations

from collections.abc import Callable

from scanmill.algorithms.reconstruction.data_term import NormalEquations
from scanmill.algorithms.reconstruction.items import (
    PerItem,
    as_item,
    item_choice,
    item_ratio,
    item_squares,
    relative_change,
    total,
    worst,
)
from scanmill.algorithms.reconstruction.iteration import Callback, IterationStatus, StoppingRule, data_of, start_of
from scanmill.algorithms.reconstruction.mr.conjugate_gradients import conjugate_gradients
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, device_of, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

APART = 10.0
"""ρ is changed where the primal and the dual residual differ by more than this factor (Boyd et al., eq. 3.13)."""


def admm(
    op: LinearOperator,
    y: Array,
    sparsity: Sparsity,
    *,
    weight: PerItem,
    n_iterations: int = 30,
    n_inner: int = 5,
    coupling: float = 0.1,
    is_adaptive: bool = True,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α φ(K x), α = ``weight``, by the alternating direction method of multipliers.

        x ← (Aᴴ A + ρ Kᴴ K)⁻¹ (Aᴴ y + ρ Kᴴ (z - u))          z ← prox of α φ / ρ at K x + u          u ← u + K x - z

    (Boyd et al., Found. Trends Mach. Learn. 3 (2011) 1, section 3.1.1; for MRI Ramani & Fessler, IEEE Trans. Med.
    Imaging 30 (2011) 694), the inverse by ``n_inner`` steps of `conjugate_gradients` from the last x. ρ begins with
    ``coupling`` ‖A‖² / ‖K‖² and, where ``is_adaptive``, is doubled or halved while K x - z and the motion of z are too
    far apart (section 3.4.1). Fewer iterations than `fista` or `primal_dual`, each of ``n_inner`` + 1 ``op.gram``.
    A warm start ``x0`` brings the image only, z and u begin anew, so that little is saved.
    Items of the sparsity have their own ρ, weight and end. The objective of the status is the function above at x; it
    does not fall in every single iteration. Raises ConvergenceError where it diverges.
    """
    check_weight(weight)
    if n_inner < 1 or not coupling > 0:
        raise SpecError("ADMM needs an inner step and a coupling", expected="n_inner >= 1, coupling > 0", got=n_inner)
    if sparsity.moving or sparsity.analysis.in_shape != op.in_shape:
        raise InputError("ADMM needs a still sparsity of its image", expected=op.in_shape, got=sparsity.analysis)
    require_matched(op)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y, items, K = data_of(op, y), sparsity.item_axis, sparsity.analysis
    x, data = start_of(op, y, x0), NormalEquations(op, y, items)
    weight, xp = as_item(weight, x, items), xp_of(x)
    rho = coupling / sparsity.norm_squared * operator_norm(op, seed=seed, item_axis=items, device=device_of(y)) ** 2
    rho = as_item(rho if worst(rho) > 0 else rho + 1.0, x, items)
    Kx = K(x)
    z, u, start, running, change = Kx, xp.zeros_like(Kx), worst(data.residual(data.value(x, op.gram(x)))), True, 0.0
    for iteration in range(1, n_iterations + 1):
        solved = _solve(_normal(op, K, rho), data.back + rho * K.H(z - u), x, n_inner, items)
        before, x = x, item_choice(running, solved, x)
        Kx, z_before = K(x), z
        z = sparsity.lowered(Kx + u, weight / rho)
        u = u + Kx - z
        misfit, change = data.value(x, op.gram(x)), item_choice(running, relative_change(x, before, items), change)
        residual, objective = data.residual(misfit), misfit + weight * sparsity.value(Kx)
        ended = rule.ends(IterationStatus(iteration, worst(residual), worst(change), total(objective), x), start)
        running = running & (residual > residual_tolerance) & (change > change_tolerance)
        if ended or not xp.any(running):
            break
        if is_adaptive:
            factor = as_item(_rebalancing(Kx - z, rho * K.H(z - z_before), Kx, rho * K.H(u), items), x, items)
            rho, u = rho * factor, u / factor
    return x


def _normal(op: LinearOperator, K: LinearOperator, rho: PerItem) -> Callable[[Array], Array]:
    return lambda v: op.gram(v) + rho * K.gram(v)


def _solve(normal: Callable[[Array], Array], b: Array, x: Array, n_inner: int, items: int | None) -> Array:
    """A few conjugate gradients; an image that is one problem is one item."""
    if items is not None:
        return conjugate_gradients(normal, b, x0=x, n_iterations=n_inner)
    return conjugate_gradients(lambda v: normal(v[0])[None], b[None], x0=x[None], n_iterations=n_inner)[0]


def _rebalancing(apart: Array, motion: Array, Kx: Array, pull: Array, items: int | None) -> PerItem:
    """2, 1/2 or 1 for ρ: the relative residuals of K x = z and of the gradient, compared."""
    primal = item_ratio(item_squares(apart, items), item_squares(Kx, items))
    dual = item_ratio(item_squares(motion, items), item_squares(pull, items))
    return 1.0 + 1.0 * (primal > APART**2 * dual) - 0.5 * (dual > APART**2 * primal)
