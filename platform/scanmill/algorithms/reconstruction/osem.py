"""OSEM: expectation maximisation for emitted counts, a subset of the views at a time."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.iteration import (
    Callback,
    IterationStatus,
    StoppingRule,
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
from scanmill.errors import InputError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def osem(
    op: LinearOperator,
    y: Array,
    *,
    background: float | Array = 0.0,
    n_iterations: int = 4,
    n_subsets: int = 8,
    order: SubsetOrder = "golden",
    seed: int = 0,
    first_iteration: int = 1,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """Ordered-subset expectation maximisation of the likelihood of counts y ~ Poisson(A x + b), x >= 0.

    x ← x / (A_sᴴ 1) · A_sᴴ (y_s / (A_s x + b_s)) for the subsets s of the views in turn (Hudson & Larkin, IEEE Trans.
    Med. Imaging 13 (1994) 601, eq. 3); one subset is `mlem`. ``y`` are counts emitted along the rays, ``background``
    the mean b of randoms and scatter, a number or an array that broadcasts to ``y``; attenuation and sensitivity, if
    any, belong in A. The image is the activity in counts a mm. A voxel that is zero stays so: the default start is
    uniform. More subsets are faster and end farther from the maximum; noise grows with the iterations, so stop early.
    To go on exactly where another run ended, give its image as ``x0`` and the next number as ``first_iteration``.

    The residual ‖A x + b - y‖ / ‖y‖ and the objective of the status, minus the log-likelihood up to a constant
    (`divergence`), are summed from the subsets as they are met, so they belong to the images on the way. Raises
    InputError for negative counts, ConvergenceError where it diverges.
    """
    subsets = OrderedSubsets(op, n_subsets, order, seed)
    require_matched(op)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    require_counts(y, "counts")
    b = rays_of(background, y, "the background")
    operators, data, backgrounds = subsets.operators(), subsets.data(y), subsets.data(b)
    weights = [_inverse_sensitivity(part, y) for part in operators]
    x = _first_image(op, y, b, x0)
    y_norm, start = norm(y), None
    for iteration in range(first_iteration, first_iteration + n_iterations):
        before, squares, objective = x, 0.0, 0.0
        for s in subsets.turn(iteration):
            expected = operators[s](x) + backgrounds[s]
            squares += squared_norm(expected - data[s])
            objective += divergence(data[s], expected)
            x = x * weights[s] * operators[s].H(over(data[s], expected))
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


def _inverse_sensitivity(op: LinearOperator, y: Array) -> Array:
    return reciprocal(op.H(xp_of(y).ones(op.out_shape, dtype=op.dtype)))


def _first_image(op: LinearOperator, y: Array, background: Array, x0: Array | None) -> Array:
    """The warm start, or a uniform image with as many counts as were measured above the background."""
    if x0 is not None:
        require_counts(x0, "the warm start")
        return start_of(op, y, x0)
    xp = xp_of(y)
    ones = xp.ones(op.in_shape, dtype=op.dtype)
    of_ones = float(op(ones).sum(dtype="float64"))
    above = float((y - background).sum(dtype="float64"))
    if of_ones <= 0:
        raise InputError("no ray meets the image", do="look at the grid and the geometry")
    return ones * op.dtype.type(max(above, 1e-3 * float(y.sum(dtype="float64"))) / of_ones)
