"""X-ray projection of a volume and its exact adjoint: parallel, fan and cone beams, any pose of source and detector."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scanmill.arrays import Array, use_device
from scanmill.errors import SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.linear import LinearOperator
from scanmill.operators.projection_arcs import ArcFrames, arc_frames_of
from scanmill.operators.projection_frames import Frames, frames_of, is_flat, require_rows_in_slices
from scanmill.operators.projection_methods import ByColumns, ByRays, InSlices, Method
from scanmill.operators.projection_tables import in_chunks

Ownership = Literal["slices", "columns", "rays"]
MANY_SLICES = 16
"""From so many slices on, whole detector columns are faster than single elements."""


class ProjectionOp(LinearOperator):
    """Line integrals through a volume (z, y, x) to projections (view, row, column), by Joseph's method.

    The integrals have the unit of the voxels times mm. Voxels may be anisotropic, shifted and rotated; outside the
    grid is zero. For fans, and for parallel rays that stay in slices, row r of the scan must be slice r of the grid
    (`InputError`); parallel rays that climb and all cones may lie anyhow. ``ownership`` chooses the kernels; by
    default the fastest that can do the geometry. `op.H` is the exact adjoint.

    >>> grid = VolumeGeometry.centered((1, 8, 8), spacing=(2.0, 2.0, 2.0))
    >>> op = ProjectionOp(grid, ScanGeometry.parallel([0.0], n_columns=4, column_spacing=2.0))
    >>> op(np.ones(grid.shape, np.float32)).round(3).tolist()
    [[[16.0, 16.0, 16.0, 16.0]]]
    """

    def __init__(
        self,
        volume_geometry: VolumeGeometry,
        scan: ScanGeometry,
        *,
        dtype: Any = np.float32,
        device: str = "cpu",
        ownership: Ownership | None = None,
    ) -> None:
        super().__init__(volume_geometry.shape, scan.shape, dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise SpecError("projections are computed in float32 or float64", got=str(self.dtype))
        self.volume_geometry, self.scan, self.device = volume_geometry, scan, device
        frames, self.ownership = plan_projection(volume_geometry, scan, device, ownership)
        with use_device(device):
            self._method = _method(frames, self.dtype, device, self.ownership)

    def _apply(self, x: Array) -> Array:
        with use_device(self.device):
            return self._method.project(x)

    def _adjoint(self, y: Array) -> Array:
        with use_device(self.device):
            return self._method.backproject(y)

    def subset(self, views: slice | npt.ArrayLike) -> ProjectionOp:
        """The operator of some views (a slice, indices or a mask), for ordered subsets.

        It takes its part of the tables and computes nothing anew.
        """
        index = views if isinstance(views, slice) else np.asarray(views)
        part = copy.copy(self)
        for cached in ("H", "gram"):
            part.__dict__.pop(cached, None)
        part.scan = self.scan.views(index)
        part.out_shape = part.scan.shape
        part._method = self._method.subset(index)
        return part


def plan_projection(
    volume_geometry: VolumeGeometry, scan: ScanGeometry, device: str, ownership: Ownership | None
) -> tuple[Frames | ArcFrames, Ownership]:
    """The rays in the grid's indices, and the kernels that will do them; `InputError` or `SpecError` as above."""
    frames = (arc_frames_of if scan.is_cylindrical else frames_of)(volume_geometry, scan)
    flat = _stays_in_slices(frames)
    if flat:
        for _, part in in_chunks(frames):
            require_rows_in_slices(part)
    possible: list[Ownership] = ["rays"]
    if flat:
        possible += ["columns", "slices"] if frames.shape[0] < MANY_SLICES else ["slices", "columns"]
    elif scan.beam == "cone" and ByColumns.can(frames):
        possible.append("columns")
    if device != "cpu":
        possible = ["rays", "slices"] if flat and scan.beam == "parallel" else ["rays"]
    if ownership is None:
        return frames, possible[-1]
    if ownership not in possible:
        raise SpecError("these kernels cannot do this geometry", expected=" or ".join(possible), got=ownership)
    return frames, ownership


def _stays_in_slices(frames: Frames | ArcFrames) -> bool:
    return frames.beam == "fan" or (isinstance(frames, Frames) and frames.beam == "parallel" and is_flat(frames))


def _method(frames: Frames | ArcFrames, dtype: Any, device: str, ownership: Ownership) -> Method:
    if ownership == "slices":
        return InSlices(frames, dtype, device)
    if ownership == "columns":
        return ByColumns(frames, dtype, device)
    return ByRays(frames, dtype, device, stacked=_stays_in_slices(frames))
