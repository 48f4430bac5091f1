"""An image moved in a circle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.operators.linear import LinearOperator, Shape


class RollOp(LinearOperator):
    """The image moved on by ``shifts`` voxels, {axis: shift}, what leaves at one end entering at the other.

    >>> RollOp((4,), {-1: 1})(np.arange(4.0)).tolist()
    [3.0, 0.0, 1.0, 2.0]
    """

    def __init__(self, shape: Shape, shifts: Mapping[int, int], *, dtype: Any = np.float32) -> None:
        super().__init__(shape, shape, dtype)
        self._axes, self._shifts = tuple(shifts), tuple(shifts.values())

    def _apply(self, x: Array) -> Array:
        return xp_of(x).roll(x, self._shifts, self._axes)

    def _adjoint(self, y: Array) -> Array:
        return xp_of(y).roll(y, tuple(-shift for shift in self._shifts), self._axes)
