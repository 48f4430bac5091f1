"""CG-SENSE: parallel imaging for any sampling, by conjugate gradients on the normal equations."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.data_term import data_squares
from scanmill.algorithms.reconstruction.items import PerItem, item_dot, item_ratio, item_squares, worst
from scanmill.algorithms.reconstruction.iteration import (
    Callback,
    IterationStatus,
    StoppingRule,
    data_of,
    start_of,
)
from scanmill.algorithms.reconstruction.mr.conjugate_gradients import ConjugateGradientState, conjugate_gradients
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.linear import require_matched


def cg_sense(
    op: LinearOperator,
    y: Array,
    *,
    weight: float = 0.0,
    gram: LinearOperator | None = None,
    n_iterations: int = 30,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    gradient_tolerance: float = 1e-6,
    callback: Callback | None = None,
) -> Array:
    """argmin ‖A x - y‖² + λ ‖x‖², λ = ``weight``, of every item by itself: (Aᴴ A + λ) x = Aᴴ y.

    Pruessmann, Weiger, Börnert & Boesiger, Magn. Reson. Med. 46 (2001) 638, eqs. 22 to 29, without its intensity
    correction: coil sensitivities of unit sum of squares need none. Images x are (batch, set, z, y, x), the first axis
    of x and y counts independent items (slices): each has its own inner products and stops by itself, so that a stack
    comes out as slice by slice. A density compensation belongs into A and y as its square root.

    Aᴴ A is ``gram``, or ``op.gram``: a Toeplitz operator serves. Without λ, stopping early is the regularisation.
    ``x0`` is a start, not a prior. An item ends once its gradient has fallen to ``gradient_tolerance`` ‖Aᴴ y‖, its
    residual to ``residual_tolerance`` ‖y‖ or its step to ``change_tolerance`` ‖x‖.

    The status tells the greatest residual and change of all items, and the sum of their ½ ‖A x - y‖² + ½ λ ‖x‖². These
    come from Aᴴ A x alone, ‖A x - y‖² = ‖y‖² - Re ⟨x, Aᴴ y + Aᴴ (y - A x)⟩: good to about 3e-4 ‖y‖ in single
    precision. Raises ConvergenceError where it diverges.
    """
    check_weight(weight)
    if gradient_tolerance < 0:
        raise SpecError("gradient_tolerance must not be negative", got=gradient_tolerance)
    require_matched(op)
    rule = StoppingRule(n_iterations, residual_tolerance, change_tolerance, callback)
    y = data_of(op, y)
    if y.shape[0] != op.in_shape[0]:
        raise InputError("images and data must have the same first axis", expected=op.in_shape[0], got=y.shape[0])
    aha, back, item_axis = gram or op.gram, op.H(y), -len(op.in_shape)
    y_squares = data_squares(y, item_axis)

    def finished(state: ConjugateGradientState) -> bool | Array:
        x_squares = item_squares(state.x, item_axis)
        left: Array = y_squares - item_dot(state.x, back + state.r, item_axis) - weight * x_squares
        residual = _root(item_ratio(left, y_squares))
        change = _root(item_ratio(state.step_squares, x_squares))
        objective = 0.5 * float((left + weight * x_squares).sum())
        status = IterationStatus(state.iteration, worst(residual), worst(change), objective, state.x)
        return rule.ends(status) or (residual <= residual_tolerance) | (change <= change_tolerance)

    return conjugate_gradients(
        (lambda x: aha(x) + weight * x) if weight else aha,
        back,
        x0=None if x0 is None else start_of(op, y, x0),
        n_iterations=n_iterations,
        tolerance=gradient_tolerance,
        finished=finished,
    )


def _root(squares: PerItem) -> Array:
    """√, and 0 where rounding made a square negative."""
    xp = xp_of(squares)
    return xp.sqrt(xp.maximum(squares, 0.0))
