"""Fast voxel-driven backprojection, for filtered backprojection and FDK; not the adjoint of a projector."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from scanmill.arrays import Array, to_device, use_device, xp_of
from scanmill.errors import SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.linear import LinearOperator
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.projection_frames import frames_of, is_flat, require_rows_in_slices
from scanmill.operators.projection_methods import padded_sinograms, plain
from scanmill.operators.shadows import is_upright, shadow_maps, tangent_scan

VoxelOwnership = Literal["rows", "columns", "voxels"]


class BackprojectionOp(LinearOperator):
    """Projections (view, row, column) to a volume (z, y, x): the sum over the views of what each voxel's shadow shows.

    The detector, flat or cylindrical, is interpolated linearly, and falls to zero one pixel outside its edge. Each
    view is divided by U² (unless ``distance_weighted`` is False), as fan-beam FBP and FDK ask: for a flat detector, U
    is the voxel's depth (its distance from the focal spot along the detector's normal) over that of the isocentre
    (0, 0, 0) mm; for a cylindrical one, its distance from the focal spot within the fan over that of the isocentre; 1
    for parallel rays. The sum has no factor for the angle between views; the caller knows it. ``ownership`` chooses
    the kernels; by default the fastest that can do the geometry.

    ``matched`` is False: ``op.H`` is the projector that usually goes with it, by Joseph's method, not the adjoint,
    and the solvers that need the adjoint refuse the pair. Raises `InputError` where the focal spot stands off the
    centre of a cylindrical detector's arc.

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
        ownership: VoxelOwnership | None = None,
    ) -> None:
        super().__init__(scan.shape, volume_geometry.shape, dtype)
        self.volume_geometry, self.scan, self.device = volume_geometry, scan, device
        self.distance_weighted = distance_weighted
        frames = frames_of(volume_geometry, tangent_scan(scan))
        self._stacked = scan.beam == "fan" or (scan.beam == "parallel" and is_flat(frames))
        if self._stacked:
            frames = require_rows_in_slices(frames).in_slice()
        maps = shadow_maps(frames, scan)
        possible: list[VoxelOwnership] = ["voxels"]
        if device == "cpu" and is_upright(frames, maps):
            possible.append("rows" if self._stacked else "columns")
        if ownership not in (None, *possible):
            raise SpecError("these kernels cannot do this geometry", expected=" or ".join(possible), got=ownership)
        self.ownership = ownership or possible[-1]
        with use_device(device):
            self._maps = to_device(maps.astype(self.dtype), device)

    def _apply(self, x: Array) -> Array:
        with use_device(self.device):
            if self.ownership == "voxels":
                return self._by_voxels(x)
            return self._by_rows(x) if self.ownership == "rows" else self._by_columns(x)

    def _adjoint(self, y: Array) -> Array:
        return ProjectionOp(self.volume_geometry, self.scan, dtype=self.dtype, device=self.device)(y)

    @property
    def _curved_weighted(self) -> tuple[int, int]:
        return int(self.scan.is_cylindrical), int(self.distance_weighted)

    def _by_voxels(self, x: Array) -> Array:
        from scanmill.kernels import voxels

        xp = xp_of(x)
        out = xp.empty(self.out_shape, self.dtype)
        if self._stacked:
            voxels.IN_SLICES(out.size, padded_sinograms(x), self._maps, *self._curved_weighted, out)
        else:
            pads = ((0, 0), (voxels.PAD, voxels.PAD), (voxels.PAD, voxels.PAD))
            voxels.BACKPROJECT(out.size, xp.pad(plain(x), pads), self._maps, *self._curved_weighted, out)
        return out

    def _by_rows(self, x: Array) -> Array:
        from scanmill.kernels import voxel_runs

        out = np.zeros(self.out_shape, self.dtype)
        _, ny, nx = out.shape
        places, parts, inverses = np.empty((ny, nx), np.int32), *np.empty((2, ny, nx), self.dtype)
        sinograms = padded_sinograms(x)
        voxel_runs.ROWS(ny, sinograms, self._maps, *self._curved_weighted, places, parts, inverses, out)
        return out

    def _by_columns(self, x: Array) -> Array:
        from scanmill.kernels import voxel_runs

        nz, ny, _ = self.out_shape
        pad, tile = voxel_runs.PAD, voxel_runs.TILE
        columns = np.zeros((x.shape[0], x.shape[2] + 2 * pad, x.shape[1] + 2 * pad), self.dtype)
        columns[:, pad:-pad, pad:-pad] = x.transpose(0, 2, 1)
        n_strips = -(-ny // tile)
        lines, parts = np.empty((n_strips, columns.shape[2]), self.dtype), np.empty((n_strips, nz), self.dtype)
        places, runs = np.empty((n_strips, nz), np.int32), np.empty((n_strips, tile, tile, nz), self.dtype)
        out = np.empty(self.out_shape, self.dtype)
        voxel_runs.COLUMNS(n_strips, columns, self._maps, *self._curved_weighted, lines, places, parts, runs, out)
        return out
