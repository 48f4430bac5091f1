"""Conjugate gradients on a stack of independent positive systems, each with its own inner products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scanmill.algorithms.reconstruction.items import PerItem, item_dot, item_squares
from scanmill.arrays import Array, xp_of


@dataclass(frozen=True, eq=False)
class ConjugateGradientState:
    """One finished iteration: the solutions x, what is left r = b - N x, and ‖x - x_before‖² of every item."""

    iteration: int
    x: Array
    r: Array
    step_squares: PerItem


Finished = Callable[[ConjugateGradientState], "bool | Array"]
"""Says after an iteration which items are done, as bool with the items along the first axis, or True for all."""


def conjugate_gradients(
    normal: Callable[[Array], Array],
    b: Array,
    *,
    x0: Array | None = None,
    n_iterations: int,
    tolerance: float = 0.0,
    finished: Finished | None = None,
) -> Array:
    """The solutions of N x = b for a Hermitian positive N that does not mix the items along the first axis.

    Hestenes & Stiefel, J. Res. NBS 49 (1952) 409. An item whose ‖b - N x‖ has fallen to ``tolerance`` ‖b‖, or which
    ``finished`` calls done, stays as it is while the others go on: a stack comes out as its items one by one.
    """
    xp, item_axis = xp_of(b), -b.ndim
    x = xp.zeros_like(b) if x0 is None else x0.astype(b.dtype)
    r = b.copy() if x0 is None else b - normal(x)
    p, gamma = r, item_squares(r, item_axis)
    least = tolerance**2 * item_squares(b, item_axis)
    active: Array = ~(gamma <= least)  # NaN goes on, to be found out
    for iteration in range(1, n_iterations + 1):
        if not active.any():
            break
        q = normal(p)
        alpha = _ratio(gamma, item_dot(p, q, item_axis), active)
        x = x + _real(alpha, x) * p
        r = r - _real(alpha, x) * q
        gamma, before = item_squares(r, item_axis), gamma
        active = active & ~(gamma <= least)
        if finished is not None:
            state = ConjugateGradientState(iteration, x, r, alpha**2 * item_squares(p, item_axis))
            active = active & ~xp.asarray(finished(state))
        p = r + _real(_ratio(gamma, before, active), x) * p
    return x


def _ratio(part: Array, whole: Array, active: Array) -> Array:
    """``part / whole`` of the active items, 0 of the others."""
    xp = xp_of(part)
    usable = active & (whole != 0)
    return xp.where(usable, part / xp.where(usable, whole, 1.0), 0.0)


def _real(values: Array, x: Array) -> Array:
    """Numbers of items in the precision of ``x``, to scale it."""
    return values.astype(x.real.dtype)
