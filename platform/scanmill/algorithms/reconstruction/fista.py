"""FISTA: least squares with a sparsity, by accelerated gradient steps, each followed by a denoising."""

from __future__ import annotations

from collections.abc import Callable

from scanmill.algorithms.reconstruction.data_term import data_term
from scanmill.algorithms.reconstruction.items import (
    PerItem,
    as_item,
    item_choice,
    item_ratio,
    relative_change,
    total,
    worst,
)
from scanmill.algorithms.reconstruction.iteration import (
    FREE,
    NON_NEGATIVE,
    Bounds,
    Callback,
    IterationStatus,
    StoppingRule,
    check_bounds,
    data_of,
    start_of,
)
from scanmill.algorithms.reconstruction.power_iteration import operator_norm
from scanmill.algorithms.reconstruction.sparsity import Sparsity, denoise, shrink
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, device_of, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

MARGIN = 1.01
"""By how much the estimated norm of A is raised: more than it falls short by, which of projections, undersampled grids,
spokes and spirals is up to 0.4 %."""


def fista(
    op: LinearOperator,
    y: Array,
    sparsity: Sparsity,
    *,
    weight: PerItem,
    n_iterations: int = 100,
    n_inner: int = 20,
    bounds: Bounds = NON_NEGATIVE,
    by_gram: bool = False,
    norm: PerItem | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α φ(K x) inside the bounds, α = ``weight``, by the monotone FISTA.

        z ← prox(v - Aᴴ (A v - y) / L), prox of α φ / L and the bounds        x⁺ ← z if it is better than x, else x
        v ← x⁺ + (t / t⁺) (z - x⁺) + ((t - 1) / t⁺) (x⁺ - x),                 t⁺ = (1 + √(1 + 4 t²)) / 2

    (Beck & Teboulle, IEEE Trans. Image Process. 18 (2009) 2419, MFISTA), L = (1.01 ‖A‖)² from a power iteration
    seeded with ``seed`` unless ``norm`` is given. The prox is closed where K is unitary and x free, else ``n_inner``
    steps of `denoise`, its dual kept from one iteration to the next. ``by_gram`` needs only ``op.gram`` in every
    iteration and ``op.H(y)`` once. The objective, the function above, never rises, unless the sparsity is moving:
    then it is that iteration's, and every z is taken.

    Where the sparsity has an ``item_axis`` every item (`items`) has its own step, choice and end, and may have its own
    weight; the status gives the worst residual and change, and the sum of the objectives. A warm start ``x0`` begins a
    new momentum: it converges to the same image by another way. Raises ConvergenceError where it diverges.
    """
    check_weight(weight)
    if n_inner < 1:
        raise SpecError("the denoising needs a step", expected="n_inner >= 1", got=n_inner)
    if sparsity.analysis.in_shape != op.in_shape:
        raise InputError("the sparsity is of another image", expected=op.in_shape, got=sparsity.analysis.in_shape)
    require_matched(op)
    check_bounds(bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y, items = data_of(op, y), sparsity.item_axis
    x = start_of(op, y, x0, bounds)
    norm = operator_norm(op, seed=seed, item_axis=items, device=device_of(y)) if norm is None else norm
    step, weight = as_item(_inverse((MARGIN * norm) ** 2), x, items), as_item(weight, x, items)
    data, prox = data_term(op, y, by_gram=by_gram, item_axis=items), _prox(sparsity, weight * step, n_inner, bounds)
    Fx = data.image_of(x)
    misfit = data.value(x, Fx)
    best = misfit + weight * sparsity.value(sparsity.analysis(x))
    start = worst(data.residual(misfit))
    v, Fv, t, running, change = x, Fx, 1.0, True, float("inf")
    for iteration in range(1, n_iterations + 1):
        z, penalty = prox(v - step * data.gradient(Fv), iteration)
        Fz = data.image_of(z)
        misfit_z = data.value(z, Fz)
        objective = misfit_z + weight * penalty
        change = item_choice(running, relative_change(z, x, items), change)
        better = running & (sparsity.moving | ~xp_of(best).asarray(objective > best))
        before, Fx_before = x, Fx
        x, Fx = item_choice(better, z, x), item_choice(better, Fz, Fx)
        misfit, best = item_choice(better, misfit_z, misfit), item_choice(better, objective, best)
        t_before, t = t, (1 + (1 + 4 * t**2) ** 0.5) / 2
        v, Fv = (_ahead(*points, t_before / t, (t_before - 1) / t) for points in ((x, z, before), (Fx, Fz, Fx_before)))
        residual = data.residual(misfit)
        ended = rule.ends(IterationStatus(iteration, worst(residual), worst(change), total(best), x), start)
        running = running & (residual > residual_tolerance) & (change > change_tolerance)
        if ended or not xp_of(running).any(running):
            break
    return x


def _prox(
    sparsity: Sparsity, radius: PerItem, n_inner: int, bounds: Bounds
) -> Callable[[Array, int], tuple[Array, PerItem]]:
    """The denoising of a step, and φ of what comes out."""
    dual: Array | None = None

    def closed(image: Array, iteration: int) -> tuple[Array, PerItem]:
        return shrink(image, sparsity.at(iteration), radius)

    def by_steps(image: Array, iteration: int) -> tuple[Array, PerItem]:
        nonlocal dual
        now = sparsity.at(iteration)
        z, dual = denoise(image, now, radius, n_inner, bounds=bounds, dual=None if sparsity.moving else dual)
        return z, now.value(now.analysis(z))

    return closed if sparsity.unitary and bounds == FREE else by_steps


def _ahead(x: Array, z: Array, before: Array, to_z: float, onward: float) -> Array:
    """x + to_z (z - x) + onward (x - before); z is often x itself."""
    v = x - before
    v *= onward
    v += x
    return v if z is x else v + to_z * (z - x)


def _inverse(x: PerItem) -> PerItem:
    """1 / x, and 0 where x is 0: an operator of zeros moves nothing."""
    return item_ratio(1.0 * (x > 0), x)
