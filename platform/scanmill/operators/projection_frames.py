"""A scan seen from a grid: its rays in index coordinates, computed once in float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.geometry.scanner import Beam

FLAT_TOLERANCE = 1e-6
"""How many voxels a row may leave its slice, over the detector and the grid together, and still count as in it."""
NEAREST_DEPTH = 1e-3
"""How near to the focal spot a voxel may come, as a part of the distance to the middle of the grid."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Every ray as e + t d in indices (x, y, z) counted from the middle of the grid.

    At column u and row v of a view, e = origin + u column + v row and d = along + diverging (u column + v row); the
    detector has been moved along the rays to the middle of the grid, where float32 is finest. For a fan stack,
    ``row`` does not enter d. All arrays are float64 (view, 3); ``shape`` is the grid's (z, y, x), ``spacing`` its
    voxel size in mm (x, y, z), ``isocenter`` the index of (0, 0, 0) mm.
    """

    origin: HostArray
    column: HostArray
    row: HostArray
    along: HostArray
    beam: Beam
    n_rows: int
    n_columns: int
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    isocenter: HostArray

    @property
    def diverging(self) -> bool:
        """Whether the rays of a view start at a focal spot."""
        return self.beam != "parallel"

    @property
    def n_views(self) -> int:
        """The number of views."""
        return len(self.origin)

    def views(self, chosen: slice) -> Frames:
        """The frames of some views."""
        poses = {name: getattr(self, name)[chosen] for name in ("origin", "column", "row", "along")}
        return replace(self, **poses)

    def flipped_rows(self) -> Frames:
        """The same rays with the rows counted from the other end."""
        shift = (self.n_rows - 1) * self.row
        along = self.along + shift if self.beam == "cone" else self.along
        return replace(self, origin=self.origin + shift, row=-self.row, along=along)

    def in_slice(self) -> Frames:
        """One row of the scan over one slice of the grid, for geometries where all rows are alike."""
        up = np.zeros_like(self.row)
        up[:, 2] = 1.0
        flat = np.array([1.0, 1.0, 0.0])
        poses = {"origin": self.origin * flat, "column": self.column * flat, "along": self.along * flat, "row": up}
        return replace(self, **poses, n_rows=1, shape=(1, *self.shape[1:]))

    def maps(self) -> HostArray:
        """(12, view): the voxel x lies in column (m0..2 x + m3) / D and row (m4..6 x + m7) / D, D = m8..10 x + m11.

        D is 1 in the middle of the grid, and everywhere for parallel rays.
        """
        axes = np.stack([self.column, self.row, self.along], axis=-1)
        if np.any(np.abs(np.linalg.det(axes)) < 1e-12 * np.prod(np.linalg.norm(axes, axis=1), axis=-1)):
            raise InputError("the detector of a view lies along its rays or has no area")
        inverse = np.linalg.inv(axes)
        start = self.origin - self.along if self.diverging else self.origin
        maps = np.concatenate([inverse, -inverse @ start[..., None]], axis=-1)
        if not self.diverging:
            maps[:, 2] = [0.0, 0.0, 0.0, 1.0]
        return np.ascontiguousarray(maps.reshape(-1, 12).T)

    def depths(self, maps: HostArray) -> HostArray:
        """The depth D at the eight corners of the grid, one voxel outside it: (8, view)."""
        nz, ny, nx = self.shape
        reach = np.array([nx + 1, ny + 1, nz + 1]) / 2
        corners = reach * np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        return np.asarray(corners @ maps[8:11] + maps[11])


def frames_of(volume_geometry: VolumeGeometry, scan: ScanGeometry, *, whole: bool = True) -> Frames:
    """The rays of ``scan`` to a flat detector in the indices of ``volume_geometry``.

    Raises `InputError` where a detector has no area, or a focal spot lies within the grid or beside it; the latter
    only if the detector is ``whole``, and not one column of a wider one.
    """
    to_index = volume_geometry.point_to_index
    nz, ny, nx = volume_geometry.shape
    middle = np.array([nx - 1, ny - 1, nz - 1]) / 2
    turn = to_index[:3, :3].T
    column, row = scan.column_step @ turn, scan.row_step @ turn
    center = scan.detector @ turn + to_index[:3, 3] - middle
    along = (scan.detector - scan.source) @ turn
    diverging = scan.beam != "parallel"
    if diverging:
        size = _depth_of_middle(center, column, row, along, whole)
        center, column, along = center + (size - 1)[:, None] * along, column * size[:, None], along * size[:, None]
        row = row * size[:, None] if scan.beam == "cone" else row
    else:
        center = center - along * (np.sum(center * along, axis=1) / np.sum(along * along, axis=1))[:, None]
    corner = -(scan.n_columns - 1) / 2 * column - (scan.n_rows - 1) / 2 * row
    along = along + corner if scan.beam == "cone" else along
    if scan.beam == "fan":
        along = along - (scan.n_columns - 1) / 2 * column
    frames = Frames(
        center + corner, column, row, along, scan.beam, scan.n_rows, scan.n_columns,
        volume_geometry.shape, volume_geometry.spacing, to_index[:3, 3] - middle,
    )  # fmt: skip
    if diverging and whole:
        flat = frames.in_slice() if scan.beam == "fan" else frames
        if flat.depths(flat.maps()).min() < NEAREST_DEPTH:
            raise InputError("a focal spot lies within the grid or beside it", do="take a smaller grid")
    return frames


def _depth_of_middle(center: HostArray, column: HostArray, row: HostArray, along: HostArray, whole: bool) -> HostArray:
    """How far the middle of the grid lies from the source to the detector plane: 0 to 1, one number per view."""
    normal = np.cross(column, row)
    depth = np.sum(normal * (along - center), axis=1)
    full = np.sum(normal * along, axis=1)
    if np.any(np.abs(full) <= 1e-12 * np.linalg.norm(normal, axis=1) * np.linalg.norm(along, axis=1)):
        raise InputError("the detector of a view lies along its rays or has no area")
    size = np.asarray(depth / full)
    if whole and size.min() < NEAREST_DEPTH:
        raise InputError("the grid lies behind a focal spot")
    return np.asarray(np.maximum(size, NEAREST_DEPTH))


def require_rows_in_slices(frames: Frames) -> Frames:
    """The same frames; `InputError` where row r of the scan does not lie in slice r of the grid."""
    nz, ny, nx = frames.shape
    slices = frames.origin[:, 2] + (nz - 1) / 2
    reach = (nx + ny) / np.maximum(np.abs(frames.along[:, 0]), np.abs(frames.along[:, 1]))
    off: list[Any] = [
        np.abs(slices),
        np.abs(frames.row[:, 2] - 1) * (nz - 1),
        np.abs(frames.row[:, :2]).max(axis=1) * (nz - 1),
        np.abs(frames.column[:, 2]) * frames.n_columns,
        np.abs(frames.along[:, 2]) * reach,
    ]
    if frames.n_rows != nz or np.max(off) > FLAT_TOLERANCE * max(nx, ny, nz):
        raise InputError(
            "the rows of a parallel or fan scan must be the slices of the grid",
            expected=f"{nz} rows, one in the middle of each slice",
            got=f"{frames.n_rows} rows, up to {np.max(off):.3g} voxels off",
            do="give the grid the scan's row spacing, size and position along z",
        )
    return frames


def is_flat(frames: Frames) -> bool:
    """Whether all rays run within planes of constant z index."""
    lateral = np.linalg.norm(frames.along[:, :2], axis=1)
    return bool(np.all(np.abs(frames.along[:, 2]) <= FLAT_TOLERANCE * lateral))
