"""The gradient of a volume by forward differences, and its exact adjoint: for total variation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError
from scanmill.operators.linear import LinearOperator, Shape


class GradientOp(LinearOperator):
    """Forward differences: (z, y, x) to (3, z, y, x), the components in array order (d/dz, d/dy, d/dx).

    Beyond the last plane the volume goes on as it ends (Neumann), so the last difference along each axis is zero,
    and so is d/dz of a single slice. ``op.H`` is minus the divergence. Differences are of neighbouring voxels (per
    index); with a ``spacing`` in mm, in point order (x, y, z) as a grid's, they are per mm. Other numbers of axes
    work alike; with ``axes`` only those have a component, in that order.

    >>> GradientOp((1, 1, 3), spacing=(2.0, 1.0, 1.0))(np.array([[[0.0, 4.0, 6.0]]], np.float32))[2].tolist()
    [[[2.0, 1.0, 0.0]]]
    """

    def __init__(
        self,
        shape: Shape,
        *,
        axes: Sequence[int] | None = None,
        spacing: Sequence[float] | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.axes = tuple(range(len(shape)) if axes is None else axes)
        super().__init__(shape, (len(self.axes), *shape), dtype)
        steps = [1.0] * len(self.axes) if spacing is None else list(reversed(spacing))
        if len(steps) != len(self.axes) or min(steps, default=1.0) <= 0:
            raise InputError("a gradient needs one positive spacing per axis", expected=len(self.axes), got=spacing)
        self._per_step = [self.dtype.type(0).real.dtype.type(1 / step) for step in steps]

    @property
    def norm_bound(self) -> float:
        """An upper bound of the operator's norm, 2 sqrt(sum 1/spacing²) over the axes that have a difference."""
        used = [h for h, axis in zip(self._per_step, self.axes, strict=True) if self.in_shape[axis] > 1]
        return float(2 * np.sqrt(sum(h * h for h in used)))

    def _apply(self, x: Array) -> Array:
        out = xp_of(x).zeros(self.out_shape, self.dtype)
        for component, axis, scale in zip(out, self.axes, self._per_step, strict=True):
            low, high = _neighbours(axis, len(self.in_shape))
            component[low] = (x[high] - x[low]) * scale
        return out

    def _adjoint(self, y: Array) -> Array:
        out = xp_of(y).zeros(self.in_shape, self.dtype)
        for component, axis, scale in zip(y, self.axes, self._per_step, strict=True):
            low, high = _neighbours(axis, len(self.in_shape))
            step = component[low] * scale
            out[low] -= step
            out[high] += step
        return out


def _neighbours(axis: int, n_axes: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    low, high = [slice(None)] * n_axes, [slice(None)] * n_axes
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)
