"""ML-TR: maximum likelihood for transmitted counts, by separable paraboloidal surrogates."""

from __future__ import annotations

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
from scanmill.algorithms.reconstruction.poisson import divergence, over, rays_of, require_counts
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched

SHORT = 0.05
"""Line integrals below this take the greatest curvature instead of the optimal one, whose digits cancel there."""


def ml_tr(
    op: LinearOperator,
    y: Array,
    blank: float | Array,
    *,
    background: float | Array = 0.0,
    n_iterations: int = 50,
    n_subsets: int = 1,
    order: SubsetOrder = "golden",
    seed: int = 0,
    first_iteration: int = 1,
    bounds: Bounds = NON_NEGATIVE,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """Maximum likelihood of counts y ~ Poisson(b exp(-A x) + r) inside the bounds, which must not go below zero.

    x ← P(x + A_sᴴ (e (1 - y / (e + r))) / A_sᴴ (γ c)), e = b exp(-A_s x), γ = A_s 1, for the subsets s of the views in
    turn (Erdoğan & Fessler, IEEE Trans. Med. Imaging 18 (1999) 801; subsets as in Nuyts et al., Phys. Med. Biol. 43
    (1998) 729), c being the optimal curvature of each ray (Erdoğan & Fessler's eq. 28) at the present image. With one
    subset the likelihood never falls; several are faster, from any start, and end near the maximum.

    No logarithm is taken, so pixels without a photon are as good as any other. ``blank`` are the counts b without
    the object, ``background`` those r that arrive anyhow (scatter); each a number or an array that broadcasts to
    ``y``. To go on exactly where another run ended, give its image as ``x0`` and the next number as
    ``first_iteration``.

    The residual ‖e + r - y‖ / ‖y‖ and the objective of the status, minus the log-likelihood up to a constant
    (`divergence`), are summed from the subsets as they are met, so they belong to the images on the way (one subset:
    to the image before the correction). Raises InputError for negative counts or a blank scan that sees nothing,
    ConvergenceError where it diverges.
    """
    subsets = OrderedSubsets(op, n_subsets, order, seed)
    require_matched(op)
    lower = check_bounds(bounds)[0]
    if lower is None or lower < 0:
        raise SpecError("the surrogates need attenuation of zero or more", expected="bounds from 0", got=bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    require_counts(y, "counts")
    b, r = rays_of(blank, y, "the blank scan"), rays_of(background, y, "the background")
    if not float(b.max()) > 0:
        raise InputError("the blank scan has no photons", expected="more than 0", got=0, do="give photons or a flat")
    x = start_of(op, y, x0, bounds)
    operators = subsets.operators()
    gamma = op(xp_of(y).ones(op.in_shape, dtype=op.dtype))
    parts = list(zip(*(subsets.data(rays) for rays in (y, b, r, gamma)), strict=True))
    y_norm, start = norm(y), None
    for iteration in range(first_iteration, first_iteration + n_iterations):
        before, squares, objective = x, 0.0, 0.0
        for s in subsets.turn(iteration):
            counts, blank_s, background_s, lengths = parts[s]
            lines = operators[s](x)
            e = blank_s * xp_of(y).exp(-lines)
            expected = e + background_s
            squares += squared_norm(expected - counts)
            objective += divergence(counts, expected)
            slope = e * (1 - over(counts, expected))
            bends = operators[s].H(lengths * curvature(lines, counts, blank_s, background_s))
            x = clip(x + reciprocal(bends) * operators[s].H(slope), bounds)
        status = IterationStatus(
            iteration - first_iteration + 1,
            relative(squares**0.5, y_norm),
            relative(norm(x - before), norm(x)),
            objective,
            x,
        )
        start = status.residual if start is None else start
        if rule.ends(status, start):
            break
    return x


def curvature(lines: Array, counts: Array, blank: Array, background: Array) -> Array:
    """The least curvature of a parabola that touches a ray's -log-likelihood h and lies above it for every l >= 0.

    c = [2 (h(0) - h(l) + l h'(l)) / l²]₊, and its bound [h''(0)]₊ where l is short (Erdoğan & Fessler 1999, eq. 28).
    """
    xp = xp_of(lines)
    fall = -xp.expm1(-lines)
    full = blank + background
    e = blank * (1 - fall)
    expected = e + background
    slope = e * (over(counts, expected) - 1)
    ratio = xp.where(expected > 0, expected, 1) / xp.where(expected > 0, full, 1)
    long = xp.maximum(lines, SHORT)
    optimal = 2 * (blank * fall + counts * xp.log(ratio) + lines * slope) / long**2
    greatest = blank * (1 - counts * background * reciprocal(full) ** 2)
    return xp.maximum(xp.where(lines < SHORT, greatest, optimal), 0)
