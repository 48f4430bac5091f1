"""Linear interpolation of an image on another grid through a transform, with its exact adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, to_device, use_device, xp_of
from scanmill.data.transforms import Transform
from scanmill.errors import SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.operators.grid_places import places_of, runs_of
from scanmill.operators.linear import LinearOperator


class ResamplingOp(LinearOperator):
    """The moving image (z, y, x) seen at the voxels of the fixed grid; zero outside, half a voxel beyond its edges.

    ``transform`` maps fixed points to moving ones (the identity if None). `op.H` puts every voxel back to where it came
    from, with the same weights; its plan (8 bytes per fixed voxel, made at the first use) sorts the fixed voxels.

    >>> fine, coarse = VolumeGeometry((1, 1, 4)), VolumeGeometry((1, 1, 2), (2.0, 1.0, 1.0), (0.5, 0.0, 0.0))
    >>> ResamplingOp(fine, coarse)(np.arange(4, dtype=np.float32).reshape(1, 1, 4)).tolist()
    [[[0.5, 2.5]]]
    """

    def __init__(
        self,
        moving: VolumeGeometry,
        fixed: VolumeGeometry,
        transform: Transform | None = None,
        *,
        dtype: Any = np.float32,
        device: str = "cpu",
    ) -> None:
        super().__init__(moving.shape, fixed.shape, dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise SpecError("images are resampled in float32 or float64", got=str(self.dtype))
        self.moving, self.fixed, self.device = moving, fixed, device
        with use_device(device):
            self._places = list(places_of(fixed, moving, transform, self.dtype, device))
        self._plans: list[tuple[Array, Array]] | None = None

    def _apply(self, x: Array) -> Array:
        from scanmill.kernels import resampling

        with use_device(self.device):
            out = xp_of(x).empty(self.out_shape, self.dtype)
            for planes, matrix, shifts in self._places:
                part = out[planes]
                n_runs, run = runs_of(part)
                resampling.LINEAR(n_runs, x, matrix, shifts, self.dtype.type(0), run, part)
        return out

    def _adjoint(self, y: Array) -> Array:
        from scanmill.kernels import resampling

        with use_device(self.device):
            out = xp_of(y).zeros(self.in_shape, self.dtype)
            part = xp_of(y).empty(self.in_shape, self.dtype)
            n_rows = self.in_shape[0] * self.in_shape[1]
            for (planes, matrix, shifts), (order, starts) in zip(self._places, self._planned(part), strict=True):
                resampling.GATHER(n_rows, y[planes], matrix, shifts, order, starts, part)
                out += part
        return out

    def _planned(self, image: Array) -> list[tuple[Array, Array]]:
        """For each slab its voxels sorted by the row of the image that they fall into, and where each row begins."""
        from scanmill.kernels import resampling

        if self._plans is None:
            xp, plans = xp_of(image), []
            n_rows = (self.in_shape[0] + 1) * (self.in_shape[1] + 1)
            for planes, matrix, shifts in self._places:
                shape = np.array([planes.stop - planes.start, *self.out_shape[1:]], np.int64)
                rows = xp.empty(int(np.prod(shape)), np.int64)
                resampling.ROWS(rows.size, image, matrix, shifts, to_device(shape, self.device), rows)
                order = xp.argsort(rows, kind="stable")
                plans.append((order, xp.searchsorted(rows[order], xp.arange(n_rows + 1))))
            self._plans = plans
        return self._plans
