"""OS-SART: SIRT's step, a subset of the views at a time."""

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
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def os_sart(
    op: LinearOperator,
    y: Array,
    *,
    n_iterations: int = 10,
    n_subsets: int = 10,
    relaxation: float = 1.0,
    relaxation_decay: float = 1.0,
    order: SubsetOrder = "golden",
    seed: int = 0,
    first_iteration: int = 1,
    bounds: Bounds = NON_NEGATIVE,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
    keep_weights: bool = True,
) -> Array:
    """Ordered-subset simultaneous algebraic reconstruction: ``n_subsets`` corrections an iteration.

    x ← P(x + λ_k C_s A_sᴴ R_s (y_s - A_s x)) for the subsets s of the views in turn, with the weights of SIRT per
    subset (Andersen & Kak, Ultrason. Imaging 6 (1984) 81; Wang & Jiang, J. X-Ray Sci. Technol. 12 (2004) 169), and
    λ_k = ``relaxation`` times ``relaxation_decay`` to the power k - 1. Subset s holds every ``n_subsets``-th view;
    one subset is SIRT, one view a subset is SART. ``op`` needs ``op.subset(views)``. To go on exactly where another
    run ended, give its image as ``x0`` and the next number as ``first_iteration``. C is an image per subset: without
    ``keep_weights`` each is made anew when its turn comes, half as much work again for the same bytes.

    The residual and the objective ½ ‖y - A x‖²_R of the status are summed from the subsets as they are met, so they
    belong to the images on the way. Raises ConvergenceError where it diverges.
    """
    if not 0 < relaxation < 2 or not 0 < relaxation_decay <= 1:
        got = (relaxation, relaxation_decay)
        raise SpecError("wrong relaxation", expected="0 < relaxation < 2, 0 < decay <= 1", got=got)
    subsets = OrderedSubsets(op, n_subsets, order, seed)
    require_matched(op)
    check_bounds(bounds)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    x = start_of(op, y, x0, bounds)
    sweep = Sweep(subsets, y, bounds, keep_weights=keep_weights)
    y_norm, start = norm(y), None
    for iteration in range(first_iteration, first_iteration + n_iterations):
        before = x
        x, squares, objective = sweep(x, iteration, relaxation * relaxation_decay ** (iteration - 1))
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


class Sweep:
    """One correction of the image by every subset in turn: called with image, iteration and relaxation.

    Gives the image, ‖y - A x‖² and ½ ‖y - A x‖²_R, both summed on the way.
    """

    def __init__(self, subsets: OrderedSubsets, y: Array, bounds: Bounds, *, keep_weights: bool) -> None:
        self.subsets, self.bounds = subsets, bounds
        self.operators, self.data = subsets.operators(), subsets.data(y)
        ones = xp_of(y).ones(subsets.op.in_shape, dtype=subsets.op.dtype)
        self.ray_weights = [reciprocal(op(ones)) for op in self.operators]
        self._voxel_weights = [self._weigh(s) for s in range(subsets.n_subsets)] if keep_weights else None

    def __call__(self, x: Array, iteration: int, relaxation: float) -> tuple[Array, float, float]:
        """The image after all subsets."""
        squares = objective = 0.0
        for s in self.subsets.turn(iteration):
            R = self.ray_weights[s]
            C = self._weigh(s) if self._voxel_weights is None else self._voxel_weights[s]
            residual = self.data[s] - self.operators[s](x)
            squares += squared_norm(residual)
            objective += 0.5 * squared_norm(R**0.5 * residual)
            x = clip(x + relaxation * C * self.operators[s].H(R * residual), self.bounds)
        return x, squares, objective

    def _weigh(self, s: int) -> Array:
        """C of a subset: 1 / (Aᴴ 1), zero where no ray goes."""
        rays = xp_of(self.ray_weights[s]).ones(self.operators[s].out_shape, dtype=self.subsets.op.dtype)
        return reciprocal(self.operators[s].H(rays))
