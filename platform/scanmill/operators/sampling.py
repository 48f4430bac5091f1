"""Which samples of k-space were taken, or how much each of them counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError
from scanmill.operators.linear import LinearOperator, Shape


class SamplingOp(LinearOperator):
    """Every sample times its entry of ``mask``: bool for a sampling mask, real for weights; ``op.H`` does the same.

    ``mask`` broadcasts to ``shape``: (batch, 1, z, y, x) to k-space (batch, coil, z, y, x), (shot, sample) to that
    along a trajectory. What is not sampled becomes zero, the shape stays.

    >>> SamplingOp(np.array([True, False]), (2, 2))(np.ones((2, 2), np.complex64)).real.tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, mask: Array, shape: Shape, *, dtype: Any = np.complex64) -> None:
        super().__init__(shape, shape, dtype)
        mask_shape = tuple(mask.shape)
        if len(mask_shape) > len(shape) or any(
            n not in (1, m) for n, m in zip(reversed(mask_shape), reversed(shape), strict=False)
        ):
            raise InputError("a sampling mask does not broadcast to k-space", expected=self.in_shape, got=mask_shape)
        if mask.dtype.kind == "c":
            raise InputError("a sampling mask is bool or real", got=mask.dtype)
        if not mask.any():
            raise InputError("a sampling mask is empty", expected="a sample", got="zeros")
        self.mask = mask if mask.dtype.kind == "b" else mask.astype(np.finfo(self.dtype).dtype)

    def _apply(self, x: Array) -> Array:
        return xp_of(x).multiply(x, self.mask)

    def _adjoint(self, y: Array) -> Array:
        return self._apply(y)
