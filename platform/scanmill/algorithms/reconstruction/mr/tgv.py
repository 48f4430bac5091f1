"""Compressed sensing with second-order total generalised variation."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.items import PerItem, item_sum
from scanmill.algorithms.reconstruction.iteration import Callback
from scanmill.algorithms.reconstruction.mr.images import ITEM_AXIS, check_images, used_axes
from scanmill.algorithms.reconstruction.mr.primal_dual import primal_dual
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.algorithms.reconstruction.total_variation import gradient_length, inside_ball
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.second_order import FirstPartOp, SecondOrderOp


def tgv(
    op: LinearOperator,
    y: Array,
    *,
    weight: PerItem,
    second_order: float = 2.0,
    n_iterations: int = 100,
    balance: float = 0.1,
    norm: PerItem | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α TGV(x) for images x (batch, set, z, y, x), α = ``weight``, by `primal_dual`.

    TGV(x) = min over vector fields v of Σ |∇x - v| + β Σ |ℰv|, β = ``second_order``: edges cost as in TV, slopes
    nothing, so that there are no stairs (Knoll, Bredies, Pock & Stollberger, Magn. Reson. Med. 65 (2011) 480, eq. 3,
    with their α₀ / α₁ = 2). Each set and each item of the batch has its own. The status shows x and v stacked, x
    first. Knobs and errors as in `primal_dual`.
    """
    check_images(op)
    if not second_order > 0:
        raise SpecError("the weight of the second order must be positive", got=second_order)
    sparsity = GeneralisedVariation(op, second_order)
    stacked = sparsity.analysis.in_shape
    if x0 is not None:
        x0 = xp_of(x0).concatenate([x0[None], xp_of(x0).zeros((stacked[0] - 1, *x0.shape), x0.dtype)])
    found = primal_dual(
        op @ FirstPartOp(stacked, dtype=op.dtype),
        y,
        sparsity,
        weight=weight,
        n_iterations=n_iterations,
        balance=balance,
        norm=norm,
        seed=seed,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )
    image: Array = found[0]
    return image


class GeneralisedVariation(Sparsity):
    """Σ |∇x - v| + β Σ |ℰv| of images and vector fields in one stack."""

    item_axis = ITEM_AXIS

    def __init__(self, op: LinearOperator, second_order: float) -> None:
        differences = SecondOrderOp(op.in_shape, used_axes(op), dtype=op.dtype)
        self.analysis: LinearOperator = differences
        self.norm_squared = differences.norm_bound**2
        self._n, self._second = differences.n_axes, second_order

    def value(self, coefficients: Array) -> PerItem:
        """Σ |∇x - v| + β Σ |ℰv|."""
        first, second = coefficients[: self._n], coefficients[self._n :]
        slopes, curves = gradient_length(first), gradient_length(second)
        return item_sum(slopes, self.item_axis) + self._second * item_sum(curves, self.item_axis)

    def inside(self, dual: Array, radius: PerItem) -> Array:
        """Each voxel's vector drawn to the radius, each voxel's matrix to β times it."""
        first, second = dual[: self._n], dual[self._n :]
        return xp_of(dual).concatenate([inside_ball(first, radius), inside_ball(second, self._second * radius)])
