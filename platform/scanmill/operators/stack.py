"""Several images at once: an operator for each channel, and the one that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError
from scanmill.operators.linear import LinearOperator, Shape


class StackOp(LinearOperator):
    """One operator for each channel: (channel, \\*in_shape) to (channel, \\*out_shape), for energies or time frames.

    All must have the same shapes and dtype.

    >>> op = StackOp([IdentityOp((2,)), 3 * IdentityOp((2,))])
    >>> op(np.ones((2, 2), np.float32)).tolist()
    [[1.0, 1.0], [3.0, 3.0]]
    """

    def __init__(self, channels: Sequence[LinearOperator]) -> None:
        shapes = {(op.in_shape, op.out_shape, op.dtype) for op in channels}
        if len(shapes) != 1:
            raise InputError("the channels of a stack must be alike", expected="one shape and dtype", got=len(shapes))
        [(in_shape, out_shape, dtype)] = shapes
        super().__init__((len(channels), *in_shape), (len(channels), *out_shape), dtype)
        self.channels, self.matched = tuple(channels), all(op.matched for op in channels)

    def _apply(self, x: Array) -> Array:
        return xp_of(x).stack([op(part) for op, part in zip(self.channels, x, strict=True)])

    def _adjoint(self, y: Array) -> Array:
        return xp_of(y).stack([op.H(part) for op, part in zip(self.channels, y, strict=True)])


class IdentityOp(LinearOperator):
    """x to x."""

    def __init__(self, shape: Shape, *, dtype: Any = np.float32) -> None:
        super().__init__(shape, shape, dtype)

    def _apply(self, x: Array) -> Array:
        return x

    def _adjoint(self, y: Array) -> Array:
        return y
