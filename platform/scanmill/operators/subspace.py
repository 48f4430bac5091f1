"""Frames as mixtures of a few images."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError
from scanmill.operators.linear import LinearOperator, Shape


class SubspaceOp(LinearOperator):
    """Coefficient images (coefficient, ...) to frames (frame, ...): x_t = Σ over c of basis[t, c] a_c.

    ``basis`` (frame, coefficient), real or complex, is such as the first singular vectors of simulated signals
    (Tamir et al., Magn. Reson. Med. 77 (2017) 180). Where its columns are orthonormal ``op.H @ op`` is the identity.

    >>> op = SubspaceOp(np.array([[1.0], [2.0]]), (1, 3))
    >>> op(np.ones((1, 3), np.complex64)).real.tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """

    def __init__(self, basis: Array, shape: Shape, *, dtype: Any = np.complex64) -> None:
        if basis.ndim != 2 or basis.shape[1] != shape[0]:
            expected = f"(frame, {shape[0]}), a column for each coefficient image"
            raise InputError("a temporal basis of another shape", expected=expected, got=basis.shape)
        super().__init__(shape, (basis.shape[0], *shape[1:]), dtype)
        self.basis = basis.astype(self.dtype)

    def _apply(self, x: Array) -> Array:
        return xp_of(x).matmul(self.basis, x.reshape(len(x), -1)).reshape(self.out_shape)

    def _adjoint(self, y: Array) -> Array:
        return xp_of(y).matmul(self.basis.conj().T, y.reshape(len(y), -1)).reshape(self.in_shape)
