"""What the iterative algorithms share: status, callback, bounds, stopping rule and guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import ConvergenceError, InputError, SpecError
from scanmill.operators import LinearOperator

DIVERGENCE = 1e3
"""A residual this many times that of the start is called divergence."""

Bounds = tuple[float | None, float | None]
"""The least and the greatest value of a voxel; None is no bound."""
FREE: Bounds = (None, None)
NON_NEGATIVE: Bounds = (0.0, None)


@dataclass(frozen=True, eq=False)
class IterationStatus:
    """One finished iteration, as the callback sees it.

    ``iteration`` counts from 1, ``residual`` is ‖A x - y‖ / ‖y‖, ``change`` is ‖x - x_before‖ / ‖x‖, ``objective``
    is what the algorithm lowers. ``image`` is x itself: copy it to keep it, never write to it.
    """

    iteration: int
    residual: float
    change: float
    objective: float
    image: Array


Callback = Callable[[IterationStatus], object]
"""Called once an iteration; the algorithm ends where it returns False or ``"stop"``."""


@dataclass(frozen=True)
class StoppingRule:
    """Ends after ``n_iterations``, or once ‖A x - y‖ <= ``residual_tolerance`` ‖y‖ (set to the noise level this is the
    discrepancy principle), or once ‖x - x_before‖ <= ``change_tolerance`` ‖x‖."""

    n_iterations: int
    residual_tolerance: float = 0.0
    change_tolerance: float = 0.0
    callback: Callback | None = None

    def __post_init__(self) -> None:
        if self.n_iterations < 1 or self.residual_tolerance < 0 or self.change_tolerance < 0:
            raise SpecError(
                "a stopping rule needs an iteration, and tolerances of 0 or more",
                got=(self.n_iterations, self.residual_tolerance, self.change_tolerance),
            )

    def ends(self, status: IterationStatus, start_residual: float = 1.0) -> bool:
        """Whether this iteration was the last one; raises ConvergenceError where it diverged."""
        finite = np.isfinite([status.residual, status.objective]).all()  # an image of zeros changes by infinity
        if not finite or np.isnan(status.change) or status.residual > DIVERGENCE * max(start_residual, 1.0):
            raise ConvergenceError(
                "the iteration diverged",
                where=f"iteration {status.iteration}",
                got=f"relative residual {status.residual:.6g}",
                do="look for NaN in the data, or lower the relaxation or the step size",
            )
        answer = None if self.callback is None else self.callback(status)
        if answer is False or (isinstance(answer, str) and answer == "stop"):
            return True
        reached = status.residual <= self.residual_tolerance or status.change <= self.change_tolerance
        return reached or status.iteration >= self.n_iterations


def check_bounds(bounds: Bounds) -> Bounds:
    """The bounds, if the box is not empty; SpecError otherwise."""
    lower, upper = bounds
    if lower is not None and upper is not None and not lower <= upper:
        raise SpecError("the bounds hold no value", expected="lower <= upper", got=bounds)
    return bounds


def clip(x: Array, bounds: Bounds) -> Array:
    """The nearest image inside the box.

    >>> clip(np.array([-1.0, 2.0]), NON_NEGATIVE).tolist()
    [0.0, 2.0]
    """
    return x if bounds == FREE else xp_of(x).clip(x, *bounds)


def data_of(op: LinearOperator, y: Array) -> Array:
    """The data in the operator's type; InputError where the shape does not fit."""
    if tuple(y.shape) != op.out_shape:
        raise InputError("the data do not fit the operator", expected=op.out_shape, got=tuple(y.shape))
    return y.astype(op.dtype, copy=False)


def start_of(op: LinearOperator, y: Array, x0: Array | None, bounds: Bounds = FREE) -> Array:
    """The first image: zero, or a copy of the warm start ``x0``, inside the bounds; complex ones have no bounds."""
    if bounds != FREE and op.dtype.kind == "c":
        raise SpecError("complex images have no bounds", expected=FREE, got=bounds)
    if x0 is None:
        return clip(xp_of(y).zeros(op.in_shape, dtype=op.dtype), bounds)
    if tuple(x0.shape) != op.in_shape:
        raise InputError("the warm start does not fit the operator", expected=op.in_shape, got=tuple(x0.shape))
    return clip(x0.astype(op.dtype), bounds)


def squared_norm(x: Array) -> float:
    """‖x‖², summed in float64."""
    xp = xp_of(x)
    return float(xp.sum(xp.square(xp.abs(x)), dtype=np.float64))


def norm(x: Array) -> float:
    """‖x‖, summed in float64."""
    return float(np.sqrt(squared_norm(x)))


def relative(part: float, whole: float) -> float:
    """``part / whole``, and 0 / 0 = 0.

    >>> relative(1.0, 4.0), relative(0.0, 0.0)
    (0.25, 0.0)
    """
    return part / whole if whole != 0 else (0.0 if part == 0 else float("inf"))


def reciprocal(x: Array) -> Array:
    """1 / x, and 0 where x is 0: rays that miss the image and voxels that no ray meets count nothing."""
    xp = xp_of(x)
    positive = x > np.finfo(x.dtype).tiny  # the inverse of less would overflow
    return xp.where(positive, 1 / xp.where(positive, x, 1), 0).astype(x.dtype)
