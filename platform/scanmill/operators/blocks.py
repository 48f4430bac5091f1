"""Images cut into small blocks, each as the matrix whose rank is asked for."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators.linear import LinearOperator, Shape


class BlocksOp(LinearOperator):
    """Frames (frame, z, y, x) to the matrices of their blocks (block, frame, voxel), for locally low-rank methods.

    Blocks are ``block`` = (z, y, x) voxels, or as long as the image where that is shorter. They begin every ``stride``
    voxels, at most and by default side by side; the last ones stick out of the image, where it is zero. Side by side,
    the adjoint puts the blocks together again, ``op.H @ op`` is the identity; overlapping ones it adds up. Further axes
    between frame and z are taken along, (frame, ..., z, y, x), as part of the voxels. Trzasko & Manduca, Asilomar 2011.

    >>> op = BlocksOp((2, 1, 1, 4), (1, 1, 2), dtype=np.float32)
    >>> op(np.arange(8, dtype=np.float32).reshape(2, 1, 1, 4)).tolist()
    [[[0.0, 1.0], [4.0, 5.0]], [[2.0, 3.0], [6.0, 7.0]]]
    """

    def __init__(
        self,
        shape: Shape,
        block: tuple[int, int, int],
        *,
        stride: tuple[int, int, int] | None = None,
        dtype: Any = np.complex64,
    ) -> None:
        image = shape[-3:]
        sizes = tuple(min(b, n) for b, n in zip(block, image, strict=True))
        steps = sizes if stride is None else tuple(min(s, b) for s, b in zip(stride, sizes, strict=True))
        if min(sizes) < 1 or min(steps) < 1:
            raise SpecError("a block needs a voxel, and a stride a step", expected="1 or more", got=(block, stride))
        counts = [max(math.ceil((n - b) / s), 0) + 1 for n, b, s in zip(image, sizes, steps, strict=True)]
        super().__init__(shape, (math.prod(counts), shape[0], math.prod(shape[1:-3]) * math.prod(sizes)), dtype)
        self._padded = tuple((count - 1) * s + b for count, s, b in zip(counts, steps, sizes, strict=True))
        starts = itertools.product(*(range(0, count * s, s) for count, s in zip(counts, steps, strict=True)))
        self._places = [(..., *(slice(start, start + b) for start, b in zip(at, sizes, strict=True))) for at in starts]

    def _apply(self, x: Array) -> Array:
        xp, corner = xp_of(x), (..., *(slice(n) for n in self.in_shape[-3:]))
        padded = xp.zeros((*self.in_shape[:-3], *self._padded), self.dtype)
        padded[corner] = x
        return xp.stack([padded[place].reshape(len(x), -1) for place in self._places])

    def _adjoint(self, y: Array) -> Array:
        padded = xp_of(y).zeros((*self.in_shape[:-3], *self._padded), self.dtype)
        for place, matrix in zip(self._places, y, strict=True):
            part = padded[place]
            part += matrix.reshape(part.shape)
        return padded[(..., *(slice(n) for n in self.in_shape[-3:]))].copy()
