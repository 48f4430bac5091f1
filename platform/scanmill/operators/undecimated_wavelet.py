"""The undecimated wavelet transform: every shift of the orthonormal one at once, as a tight frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators.linear import LinearOperator, Shape
from scanmill.operators.wavelet import LEVELS, SCALING, Wavelet


class UndecimatedWaveletOp(LinearOperator):
    """An image (z, y, x), of any number of axes, to its bands (band, z, y, x); ``op.H @ op`` is the identity.

    Band 0 is the coarsest image, then come the details from coarse to fine, in each level in the order of (z, y, x)
    with x changing fastest. This is the algorithm à trous: the filters are Daubechies' over sqrt(2), with
    2^level - 1 zeros between the taps. The image goes on periodically; a level leaves out axes that are shorter than
    its filter. Nothing is decimated, so that the transform moves with the image and thresholding it shows no grid
    (Nason & Silverman, in Wavelets and Statistics, 1995; Starck, Fadili & Murtagh, IEEE Trans. Image Process. 16
    (2007) 297).

    >>> op = UndecimatedWaveletOp((1, 1, 4), "haar", n_levels=1, dtype=np.float64)
    >>> op(np.array([[[1.0, 3.0, 3.0, 3.0]]])).ravel().tolist()
    [2.0, 3.0, 3.0, 2.0, -1.0, 0.0, 0.0, 1.0]
    """

    def __init__(
        self,
        shape: Shape,
        wavelet: Wavelet = "db2",
        *,
        n_levels: int = LEVELS,
        axes: Sequence[int] | None = None,
        dtype: Any = np.float32,
    ) -> None:
        if wavelet not in get_args(Wavelet):
            raise SpecError("unknown wavelet", expected=", ".join(get_args(Wavelet)), got=wavelet)
        if n_levels < 1:
            raise SpecError("a wavelet transform needs a level", expected="1 or more", got=n_levels)
        low = np.array(SCALING[wavelet]) / np.sqrt(2)
        chosen = range(len(shape)) if axes is None else sorted(axis % len(shape) for axis in axes)
        long_enough = [
            [axis for axis in chosen if (len(low) - 1) * 2**level < shape[axis]] for level in range(n_levels)
        ]
        self._levels = [level for level in long_enough if level]
        super().__init__(shape, (1 + sum(2 ** len(level) - 1 for level in self._levels), *shape), dtype)
        real = np.finfo(self.dtype).dtype.type
        self._filters = [[real(h) for h in low], [real((-1) ** j * h) for j, h in enumerate(low[::-1])]]

    def _apply(self, x: Array) -> Array:
        out = xp_of(x).empty(self.out_shape, self.dtype)
        end = len(out)
        for level, axes in enumerate(self._levels):
            parts = [x]
            for axis in axes:
                parts = [self._filtered(part, axis, level, kind) for part in parts for kind in (0, 1)]
            x, *details = parts
            out[end - len(details) : end] = xp_of(x).stack(details)
            end -= len(details)
        out[0] = x
        return out

    def _adjoint(self, y: Array) -> Array:
        x, begin = y[0].copy(), 1
        for level, axes in reversed(list(enumerate(self._levels))):
            n_details = 2 ** len(axes) - 1
            parts = [x, *y[begin : begin + n_details]]
            for axis in reversed(axes):
                parts = [
                    self._filtered(smooth, axis, level, 0, -1) + self._filtered(detail, axis, level, 1, -1)
                    for smooth, detail in zip(parts[::2], parts[1::2], strict=True)
                ]
            [x], begin = parts, begin + n_details
        return x

    def _filtered(self, x: Array, axis: int, level: int, kind: int, way: int = 1) -> Array:
        """Σ f[j] x[k + 2^level j] with f the smooth (0) or the detail filter (1); its transpose where ``way`` is -1."""
        xp = xp_of(x)
        taps = [f * xp.roll(x, -way * 2**level * j, axis) for j, f in enumerate(self._filters[kind])]
        return sum(taps[1:], taps[0])
