"""Three ways to perform the same projection: within slices, by detector columns, ray by ray.

All are Joseph's method with the same weights; they differ in who owns what, and so in speed and in the geometries
that they can do. A method owns its tables, on one device, and knows nothing of operators.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, to_device, xp_of
from scanmill.operators.projection_arcs import ArcFrames
from scanmill.operators.projection_frames import Frames
from scanmill.operators.projection_tables import column_tables, in_chunks, ray_frames, row_steps, shadow_tables

AnyFrames = Frames | ArcFrames


def plain(x: Array) -> Array:
    """``x`` as the kernels were compiled for it: contiguous in C order and writable; no copy where it already is."""
    return np.require(x, requirements=["C", "W"]) if xp_of(x) is np else xp_of(x).ascontiguousarray(x)


class Method(ABC):
    """``project`` a volume (z, y, x), ``backproject`` projections (view, row, column): exact adjoints."""

    def __init__(self, frames: AnyFrames, dtype: Any, device: str) -> None:
        self.dtype, self.device = np.dtype(dtype), device
        self.volume_shape, self.spacing = frames.shape, frames.spacing
        self.n_views, self.n_rows, self.n_columns = frames.n_views, frames.n_rows, frames.n_columns

    def cast(self, table: HostArray) -> Array:
        """A table in the operator's precision, on its device."""
        return to_device(np.ascontiguousarray(table, dtype=self.dtype), self.device)

    @abstractmethod
    def project(self, x: Array) -> Array:
        """Line integrals of a volume (z, y, x), as (view, row, column)."""

    @abstractmethod
    def backproject(self, y: Array) -> Array:
        """The adjoint."""

    @abstractmethod
    def _take(self, views: Any) -> None:
        """Keep only the chosen views of the tables, contiguous, which the compiled kernels want."""

    def subset(self, views: Any) -> Method:
        """The same method for some of the views, with its own copy of their tables."""
        part = copy.copy(self)
        part._take(views)
        part.n_views = len(np.arange(self.n_views)[views])
        return part


class InSlices(Method):
    """Rays within slices, an element at a time: the fast way for few slices, and parallel rays on a GPU.

    The adjoint is a gather for parallel rays; for fans it is owned by planes, which is for the CPU.
    """

    def __init__(self, frames: AnyFrames, dtype: Any, device: str) -> None:
        super().__init__(frames, dtype, device)
        drive, tables = column_tables(frames, self.dtype, n_tables=3)
        np.sqrt(tables[2], out=tables[2])
        self.drive, self.tables = to_device(drive, device), self.cast(tables)
        self.shadows, self.taps = None, 0
        if isinstance(frames, Frames) and not frames.diverging:
            shadows, self.taps = shadow_tables(frames)
            shadows[0] += 2
            self.shadows = self.cast(shadows)

    def _take(self, views: Any) -> None:
        self.drive, self.tables = plain(self.drive[views]), plain(self.tables[:, views])
        self.shadows = None if self.shadows is None else plain(self.shadows[:, views])

    def project(self, x: Array) -> Array:  # noqa: D102
        from scanmill.kernels import planar

        xp, (nz, ny, nx) = xp_of(x), x.shape
        along_x = xp.zeros((nz, ny + planar.VOLUME_PAD, nx), x.dtype)
        along_y = xp.zeros((nz, nx + planar.VOLUME_PAD, ny), x.dtype)
        along_x[:, 1 : ny + 1], along_y[:, 1 : nx + 1] = x, x.transpose(0, 2, 1)
        out = xp.empty((self.n_views, self.n_rows, self.n_columns), self.dtype)
        planar.PROJECT(out.size, along_x, along_y, self.drive, self.tables, out)
        return out

    def backproject(self, y: Array) -> Array:  # noqa: D102
        from scanmill.kernels import planar

        xp, (nz, ny, nx) = xp_of(y), self.volume_shape
        if self.shadows is not None:
            out = xp.empty(self.volume_shape, self.dtype)
            planar.BACKPROJECT(out.size, padded_sinograms(y), self.shadows, self.taps, out)
            return out
        scaled = plain(y) * self.tables[2][:, None, :]
        x_planes, y_planes = xp.empty((nx, nz, ny + 2), self.dtype), xp.empty((ny, nz, nx + 2), self.dtype)
        for axis, planes in enumerate((x_planes, y_planes)):
            planar.PLANES(nz * len(planes), scaled, axis, self.drive, self.tables, planes)
        return plain(x_planes[:, :, 1:-1].transpose(1, 2, 0) + y_planes[:, :, 1:-1].transpose(1, 0, 2))


def padded_sinograms(y: Array) -> Array:
    """Projections (view, row, column) as sinograms (row, view, column + 4), with two zeros on either side."""
    n_views, n_rows, n_columns = y.shape
    padded = xp_of(y).zeros((n_rows, n_views, n_columns + 4), y.dtype)
    padded[:, :, 2:-2] = y.transpose(1, 0, 2)
    return padded


class ByColumns(Method):
    """Whole detector columns at once, owned by planes on the way back: the fast way on a CPU.

    For stacks of slices and fans, and for cones whose detector rows are stacked along the grid's z axis.
    """

    def __init__(self, frames: AnyFrames, dtype: Any, device: str) -> None:
        self.cone = int(frames.beam == "cone")
        upright = _upright(frames)
        self.flip = upright is not frames
        frames = upright
        super().__init__(frames, dtype, device)
        drive, tables = column_tables(frames, self.dtype)
        self.pad = rows_pad(frames)
        self.drive, self.tables = to_device(drive, device), self.cast(tables)

    @staticmethod
    def can(frames: AnyFrames) -> bool:
        """Whether the rows are stacked along z and no ray climbs more steeply than it advances."""
        if not all(_is_level(part, frames.n_columns + frames.n_rows) for _, part in in_chunks(frames)):
            return False
        rises = _rises(frames)
        if not (np.all(rises > 0) or np.all(rises < 0)):
            return False
        nearest, climb = row_steps(_upright(frames))
        return nearest > 0 and climb <= 1

    def _take(self, views: Any) -> None:
        self.drive, self.tables = plain(self.drive[views]), plain(self.tables[:, views])

    def project(self, x: Array) -> Array:  # noqa: D102
        from scanmill.kernels import columns

        xp, (nz, ny, nx) = xp_of(x), self.volume_shape
        out = xp.empty((self.n_views, self.n_rows, self.n_columns), self.dtype)
        along_x, along_y = xp.zeros((nx, ny + 2, nz), self.dtype), xp.zeros((ny, nx + 2, nz), self.dtype)
        along_x[:, 1:-1], along_y[:, 1:-1] = x.transpose(2, 1, 0), x.transpose(1, 2, 0)
        runs = xp.zeros((self.n_views, nz + 3), self.dtype)
        work = xp.empty((self.n_views, self.n_columns, self.n_rows), self.dtype)
        rise = self.dtype.type(self.spacing[2])
        columns.PROJECT(
            self.n_views, along_x, along_y, self.drive, self.tables, self.cone, rise, runs, work, out
        )  # fmt: skip
        return plain(out[:, ::-1]) if self.flip else out

    def backproject(self, y: Array) -> Array:  # noqa: D102
        from scanmill.kernels import columns

        xp, (nz, ny, nx), pad = xp_of(y), self.volume_shape, self.pad
        y = plain(y[:, ::-1] if self.flip else y)
        scaled = xp.zeros((self.n_views, self.n_columns, self.n_rows + 2 * pad), self.dtype)
        columns.SCALE(self.n_views, y, self.tables, self.dtype.type(self.spacing[2]), pad, scaled)
        passes = []
        for axis, shape in enumerate([(nx, ny + 2, nz), (ny, nx + 2, nz)]):
            planes, runs = xp.empty(shape, self.dtype), xp.empty((shape[0], nz), self.dtype)
            columns.BACKPROJECT(shape[0], scaled, axis, self.drive, self.tables, self.cone, pad, runs, planes)
            passes.append(planes)
        out = xp.empty(self.volume_shape, self.dtype)
        columns.MERGE(ny, *passes, out)
        return out


def rows_pad(frames: AnyFrames) -> int:
    """How many zeros the backprojector needs at the ends of a detector column: more than there are rows on a voxel."""
    if frames.beam != "cone":
        return 0
    nearest, _ = row_steps(_upright(frames))
    return max(5, math.ceil(2 / nearest) + 2)


def _is_level(part: Frames, reach: int) -> bool:
    """Whether columns run within slices and rows along z, up to what ``reach`` of them can stray."""
    level = np.abs(part.column[:, 2]).max() + np.abs(part.row[:, :2]).max()
    return bool(level * reach <= 1e-9)


def _rises(frames: AnyFrames) -> HostArray:
    """How far a row leads upwards, (view), in voxels; only the sign is the same on a cylinder and its tangent."""
    return (frames.tangent if isinstance(frames, ArcFrames) else frames).row[:, 2]


def _upright(frames: AnyFrames) -> AnyFrames:
    return frames.flipped_rows() if frames.beam == "cone" and np.all(_rises(frames) < 0) else frames


class ByRays(Method):
    """Ray by ray and voxel by voxel, for any pose: tilted detectors, the GPU, and the oracle of the others."""

    def __init__(self, frames: AnyFrames, dtype: Any, device: str, *, stacked: bool) -> None:
        super().__init__(frames, dtype, device)
        self.stacked = stacked
        plane = frames.tangent if isinstance(frames, ArcFrames) else frames
        plane = plane.in_slice() if stacked else plane
        arcs = frames.arcs(stacked) if isinstance(frames, ArcFrames) else np.empty((frames.n_views, 0))
        self.frames = to_device(ray_frames(frames, self.dtype, stacked=stacked), device)
        self.maps, self.arcs, self.mm = self.cast(plane.maps()), self.cast(arcs), self.cast(np.array(plane.spacing))
        self.grid = plane.shape

    def _take(self, views: Any) -> None:
        self.frames, self.arcs = plain(self.frames[views]), plain(self.arcs[views])
        self.maps = plain(self.maps[:, views])

    def project(self, x: Array) -> Array:  # noqa: D102
        from scanmill.kernels import rays

        xp, batch = xp_of(x), self.volume_shape[0] if self.stacked else 1
        n_rows = 1 if self.stacked else self.n_rows
        out = xp.empty((batch, self.n_views, n_rows, self.n_columns), self.dtype)
        flat = plain(x).reshape(batch, -1)
        rays.PROJECT(out.size, flat, *self.grid, self.frames, self.mm, out)
        return plain(out[:, :, 0].transpose(1, 0, 2)) if self.stacked else out[0]

    def backproject(self, y: Array) -> Array:  # noqa: D102
        from scanmill.kernels import rays

        xp = xp_of(y)
        y = plain(y.transpose(1, 0, 2)[:, :, None] if self.stacked else y[None])
        out = xp.empty((len(y), math.prod(self.grid)), self.dtype)
        rays.BACKPROJECT(out.size, y, self.frames, self.maps, self.arcs, self.mm, *self.grid, out)
        return out.reshape(self.volume_shape)
