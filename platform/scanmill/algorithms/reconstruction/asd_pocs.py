"""ASD-POCS: the image of least total variation that agrees with the data."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.reconstruction.edge_preserving import EdgePreserving
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
    start_of,
)
from scanmill.algorithms.reconstruction.ordered_subsets import OrderedSubsets, SubsetOrder
from scanmill.algorithms.reconstruction.os_sart import Sweep
from scanmill.arrays import Array
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

ROUND = 1e-4
"""Gradients below this part of the image's mean size are rounded off, so that TV has a direction everywhere."""


def asd_pocs(
    op: LinearOperator,
    y: Array,
    *,
    residual_tolerance: float = 0.0,
    spacing: Sequence[float] | None = None,
    n_iterations: int = 50,
    n_subsets: int = 10,
    n_descents: int = 10,
    relaxation: float = 1.0,
    relaxation_decay: float = 0.995,
    descent: float = 0.02,
    descent_decay: float = 0.95,
    greatest_ratio: float = 0.95,
    order: SubsetOrder = "golden",
    seed: int = 0,
    bounds: Bounds = NON_NEGATIVE,
    x0: Array | None = None,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin TV(x) among the images inside the bounds with ‖A x - y‖ <= ε ‖y‖, ε = ``residual_tolerance``.

    Adaptive steepest descent and projections onto convex sets (Sidky & Pan, Phys. Med. Biol. 53 (2008) 4777, p. 4788,
    with their names β = ``relaxation``, N_grad = ``n_descents``, α = ``descent``, r_max = ``greatest_ratio``): a sweep
    of `os_sart` towards the data, then steps down the TV (isotropic, over ``spacing`` as in `EdgePreserving`),
    which shrink where they would undo more than r_max of the sweep while the data are not met. The paper's N_grad = 20
    and α = 0.2 are for hundreds of iterations; ours begin more gently. ε is the noise of the data, relative: 0 trusts
    them, and a good value is what keeps noise out.

    It ends once the data are met and the steps of both kinds point against each other (cosine below -0.99), their
    condition of optimality, and, as all do, after ``n_iterations`` or below ``change_tolerance``; unlike the others
    it does not end as soon as ε is reached. The image is the one after a sweep; the residual of the status is its
    own, and the objective its TV. Raises ConvergenceError where it diverges.
    """
    if not 0 < relaxation < 2 or not 0 < relaxation_decay <= 1:
        raise SpecError("wrong relaxation", expected="0 < relaxation < 2, 0 < decay <= 1", got=relaxation)
    if n_descents < 1 or not descent > 0 or not 0 < descent_decay <= 1 or not 0 < greatest_ratio <= 1:
        raise SpecError("wrong descent", got=(n_descents, descent, descent_decay, greatest_ratio))
    subsets = OrderedSubsets(op, n_subsets, order, seed)
    require_matched(op)
    check_bounds(bounds)
    StoppingRule(1, residual_tolerance)
    rule = StoppingRule(n_iterations, 0.0, change_tolerance, callback)
    y = data_of(op, y)
    x = start_of(op, y, x0, bounds)
    sweep = Sweep(subsets, y, bounds, keep_weights=False)
    y_norm, start, length = norm(y), None, None
    for iteration in range(1, n_iterations + 1):
        before = x
        x, _, _ = sweep(x, iteration, relaxation * relaxation_decay ** (iteration - 1))
        residual, swept = relative(norm(op(x) - y), y_norm), norm(x - before)
        variation = _variation(x, spacing)
        total, direction = variation.value_and_gradient(x)
        status = IterationStatus(iteration, residual, relative(swept, norm(x)), total, x)
        start = residual if start is None else start
        met = residual <= residual_tolerance
        if rule.ends(status, start) or (met and _cosine(x - before, direction) > 0.99):
            break
        length = descent * swept if length is None else length
        image = x
        x = _descend(x, variation, length, n_descents)
        if norm(x - image) > greatest_ratio * swept and not met:
            length *= descent_decay
    return status.image


def _variation(x: Array, spacing: Sequence[float] | None) -> EdgePreserving:
    """TV, rounded off far below the size of the image."""
    size = max(1e-30, float(abs(x).mean()))  # also for NaN, which the stopping rule will name
    return EdgePreserving("tv", ROUND * size, tuple(x.shape), spacing=spacing, dtype=x.dtype)


def _descend(x: Array, variation: EdgePreserving, length: float, n_descents: int) -> Array:
    """``n_descents`` steps of ``length`` against the gradient of TV."""
    for _ in range(n_descents):
        direction = variation.value_and_gradient(x)[1]
        x = x - (length / max(norm(direction), 1e-30)) * direction
    return x


def _cosine(a: Array, b: Array) -> float:
    return relative(float((a * b).sum(dtype="float64")), norm(a) * norm(b))
