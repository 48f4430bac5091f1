"""What changes from frame to frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError
from scanmill.operators.fourier import FourierOp
from scanmill.operators.linear import LinearOperator, Shape


class TemporalDifferenceOp(LinearOperator):
    """Frames (frame, ...) to the steps from each to the next, (frame - 1, ...); where ``is_cyclic`` also from the last
    to the first, (frame, ...).

    Its squared norm is at most 4. Frames are cardiac or respiratory phases (cyclic), or a dynamic series (not).

    >>> TemporalDifferenceOp((3, 1))(np.array([[1.0], [4.0], [2.0]], np.complex64)).real.ravel().tolist()
    [3.0, -2.0]
    """

    def __init__(self, shape: Shape, *, is_cyclic: bool = False, dtype: Any = np.complex64) -> None:
        if shape[0] < 2:
            raise InputError("differences in time need two frames", expected="2 or more", got=shape[0])
        super().__init__(shape, (shape[0] - (not is_cyclic), *shape[1:]), dtype)
        self.is_cyclic = is_cyclic

    def _apply(self, x: Array) -> Array:
        steps = x[1:] - x[:-1]
        return xp_of(x).concatenate([steps, x[:1] - x[-1:]]) if self.is_cyclic else steps

    def _adjoint(self, y: Array) -> Array:
        x = xp_of(y).zeros(self.in_shape, self.dtype)
        steps = y[: len(x) - 1]
        x[1:] += steps
        x[:-1] -= steps
        if self.is_cyclic:
            x[0] += y[-1]
            x[-1] -= y[-1]
        return x


def temporal_fourier_op(shape: Shape, *, dtype: Any = np.complex64) -> FourierOp:
    """The orthonormal Fourier transform along the frames of (frame, ...), frequency zero at frame // 2.

    Periodic motion has few of these frequencies (Lustig et al., k-t SPARSE, ISMRM 2006, 2420).

    >>> abs(temporal_fourier_op((4, 1))(np.ones((4, 1), np.complex64))).ravel().tolist()
    [0.0, 0.0, 2.0, 0.0]
    """
    return FourierOp(shape, (0,), dtype=dtype)
