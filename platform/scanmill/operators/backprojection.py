"""Fast voxel-driven backprojection, for filtered backprojection and FDK; not the adjoint of a projector."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, to_device, use_device, xp_of
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.linear import LinearOperator
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.projection_frames import frames_of, is_flat, require_rows_in_slices
from scanmill.operators.projection_methods import padded_sinograms, plain


class BackprojectionOp(LinearOperator):
    """Projections (view, row, column) to a volume (z, y, x): the sum over the views of what each voxel's shadow shows.

    The detector is interpolated linearly, and falls to zero one pixel outside its edge. Each view is divided by U²
    (unless ``distance_weighted`` is False), where U is the voxel's depth (its distance from the focal spot along the
    detector's normal) over that of the isocentre (0, 0, 0) mm, as fan-beam FBP and FDK ask; U is 1 for parallel
    rays. The sum has no factor for the angle between views; the caller knows it.

    ``matched`` is False: ``op.H`` is the projector that usually goes with it, by Joseph's method, not the adjoint,
    and the solvers that need the adjoint refuse the pair.

    >>> grid = VolumeGeometry.centered((1, 4, 4))
    >>> op = BackprojectionOp(grid, ScanGeometry.parallel([0.0, 1.0], n_columns=9, column_spacing=1.0))
    >>> float(op(np.ones(op.in_shape, np.float32)).mean()), op.matched
    (2.0, False)
    """

    matched = False

    def __init__(
        self,
        volume_geometry: VolumeGeometry,
        scan: ScanGeometry,
        *,
        distance_weighted: bool = True,
        dtype: Any = np.float32,
        device: str = "cpu",
    ) -> None:
        super().__init__(scan.shape, volume_geometry.shape, dtype)
        self.volume_geometry, self.scan, self.device = volume_geometry, scan, device
        self.distance_weighted = distance_weighted
        frames = frames_of(volume_geometry, scan)
        self._stacked = scan.beam == "fan" or (scan.beam == "parallel" and is_flat(frames))
        if self._stacked:
            frames = require_rows_in_slices(frames).in_slice()
        maps = frames.maps()
        maps /= frames.isocenter @ maps[8:11] + maps[11]
        with use_device(device):
            self._maps = to_device(maps.astype(self.dtype), device)

    def _apply(self, x: Array) -> Array:
        from scanmill.kernels import voxels

        with use_device(self.device):
            xp, weighted = xp_of(x), int(self.distance_weighted)
            out = xp.empty(self.out_shape, self.dtype)
            if self._stacked:
                voxels.IN_SLICES(out.size, padded_sinograms(x), self._maps, weighted, out)
            else:
                pads = ((0, 0), (voxels.PAD, voxels.PAD), (voxels.PAD, voxels.PAD))
                voxels.BACKPROJECT(out.size, xp.pad(plain(x), pads), self._maps, weighted, out)
            return out

    def _adjoint(self, y: Array) -> Array:
        return ProjectionOp(self.volume_geometry, self.scan, dtype=self.dtype, device=self.device)(y)
