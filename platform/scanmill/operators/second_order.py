"""The differences of second-order total generalised variation, and the parts of a stack of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.operators.difference import GradientOp
from scanmill.operators.linear import LinearOperator, Shape


class SecondOrderOp(LinearOperator):
    """(x, v) to (∇x - v, ℰv): images x and vector fields v, stacked along the first axis, for d ``axes``.

    In: (1 + d, \\*shape), out: (d + d (d + 1) / 2, \\*shape). ℰv = (∇v + ∇vᵀ) / 2 has its diagonal first; the entries
    beside it, which stand for two, are times √2, so that lengths along the first axis are Frobenius norms. Differences
    as in `GradientOp`.
    """

    def __init__(self, shape: Shape, axes: Sequence[int], *, dtype: Any = np.float32) -> None:
        n = len(axes)
        super().__init__((1 + n, *shape), (n + n * (n + 1) // 2, *shape), dtype)
        self._gradient, self.n_axes = GradientOp(shape, axes=axes, dtype=dtype), n
        self._along = [GradientOp(shape, axes=[axis], dtype=dtype) for axis in axes]
        self._half = self.dtype.type(0).real.dtype.type(0.5**0.5)

    @property
    def norm_bound(self) -> float:
        """An upper bound of the norm: of [[‖∇‖, 1], [0, ‖∇‖]]; √12 in the plane (Knoll et al. 2011), from above."""
        g = self._gradient.norm_bound
        return float(np.linalg.norm([[g, 1.0], [0.0, g]], 2))

    def _apply(self, x: Array) -> Array:
        n, field = self.n_axes, x[1:]
        out = xp_of(x).empty(self.out_shape, self.dtype)
        xp_of(x).subtract(self._gradient(x[0]), field, out=out[:n])
        for i in range(n):
            out[n + i] = self._along[i](field[i])[0]
        for at, (i, j) in enumerate(self._beside(), start=2 * n):
            out[at] = self._half * (self._along[i](field[j])[0] + self._along[j](field[i])[0])
        return out

    def _adjoint(self, y: Array) -> Array:
        n = self.n_axes
        out = xp_of(y).empty(self.in_shape, self.dtype)
        out[0] = self._gradient.H(y[:n])
        for i in range(n):
            out[1 + i] = self._along[i].H(y[n + i][None]) - y[i]
        for at, (i, j) in enumerate(self._beside(), start=2 * n):
            part = self._half * y[at][None]
            out[1 + j] += self._along[i].H(part)
            out[1 + i] += self._along[j].H(part)
        return out

    def _beside(self) -> list[tuple[int, int]]:
        return [(i, j) for i in range(self.n_axes) for j in range(i + 1, self.n_axes)]


class FirstPartOp(LinearOperator):
    """(part, \\*shape) to its first part."""

    def __init__(self, shape: Shape, *, dtype: Any = np.float32) -> None:
        super().__init__(shape, shape[1:], dtype)

    def _apply(self, x: Array) -> Array:
        return x[0]

    def _adjoint(self, y: Array) -> Array:
        out = xp_of(y).zeros(self.in_shape, self.dtype)
        out[0] = y
        return out


class SumOp(LinearOperator):
    """(part, \\*shape) to the sum of its parts."""

    def __init__(self, shape: Shape, *, dtype: Any = np.float32) -> None:
        super().__init__(shape, shape[1:], dtype)

    def _apply(self, x: Array) -> Array:
        return x.sum(axis=0)

    def _adjoint(self, y: Array) -> Array:
        return xp_of(y).ascontiguousarray(xp_of(y).broadcast_to(y, self.in_shape))
