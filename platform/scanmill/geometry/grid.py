"""Voxels in patient space. The only place where array order (z, y, x) and point order (x, y, z) meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

ORTHONORMAL_TOLERANCE = 1e-4
"""How far ``direction @ direction.T`` may stray from the identity (DICOM writes six decimals)."""

Triple = tuple[float, float, float]
IDENTITY: tuple[Triple, Triple, Triple] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class VolumeGeometry:
    """A grid of voxel centres in LPS millimetres; a value without voxels.

    ``shape`` is in array order (z, y, x); everything else is in point order (x, y, z), as in ITK: ``spacing`` in
    mm, ``origin`` the centre of voxel [0, 0, 0] in mm, ``direction`` a rotation whose *columns* are the directions
    of growing x, y and z index. A 2D image is a grid with one plane.

    >>> grid = VolumeGeometry.centered((1, 4, 4), spacing=(2.0, 2.0, 5.0))
    >>> grid.origin
    (-3.0, -3.0, 0.0)
    >>> grid.to_points([[0, 0, 0], [3, 3, 0]]).tolist()
    [[-3.0, -3.0, 0.0], [3.0, 3.0, 0.0]]
    """

    shape: tuple[int, int, int]
    spacing: Triple = (1.0, 1.0, 1.0)
    origin: Triple = (0.0, 0.0, 0.0)
    direction: tuple[Triple, Triple, Triple] = IDENTITY

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError("a grid needs three positive sizes (z, y, x)", got=self.shape)
        object.__setattr__(self, "shape", shape)
        for name in ("spacing", "origin"):
            values = tuple(float(v) for v in getattr(self, name))
            if len(values) != 3 or not np.all(np.isfinite(values)):
                raise InputError(f"{name} needs three finite numbers (x, y, z)", got=values)
            object.__setattr__(self, name, values)
        if min(self.spacing) <= 0:
            raise InputError("spacing must be positive", got=self.spacing)
        axes = np.asarray(self.direction, dtype=np.float64).reshape(3, 3)
        if not np.allclose(axes @ axes.T, np.eye(3), atol=ORTHONORMAL_TOLERANCE):
            raise InputError("direction is not orthonormal", got=axes.round(6).tolist())
        object.__setattr__(self, "direction", tuple(tuple(float(v) for v in row) for row in axes))

    @classmethod
    def centered(cls, shape: tuple[int, int, int], spacing: Triple = (1.0, 1.0, 1.0)) -> VolumeGeometry:
        """The unrotated grid whose middle lies at the isocentre (0, 0, 0)."""
        nz, ny, nx = shape
        origin = tuple(-(n - 1) / 2 * step for n, step in zip((nx, ny, nz), spacing, strict=True))
        return cls(shape, spacing, origin)  # type: ignore[arg-type]

    @property
    def index_to_point(self) -> HostArray:
        """The 4x4 affine, float64, from (x, y, z) index to LPS mm."""
        affine = np.eye(4)
        affine[:3, :3] = np.asarray(self.direction) * np.asarray(self.spacing)
        affine[:3, 3] = self.origin
        return affine

    @property
    def point_to_index(self) -> HostArray:
        """The 4x4 affine, float64, from LPS mm to (x, y, z) index."""
        return np.linalg.inv(self.index_to_point)

    def to_points(self, indices: Any) -> HostArray:
        """Map (..., 3) indices (x, y, z), fractions allowed, to LPS mm."""
        affine = self.index_to_point
        return np.asarray(indices, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3]

    def to_indices(self, points: Any) -> HostArray:
        """Map (..., 3) LPS points in mm to fractional indices (x, y, z)."""
        affine = self.point_to_index
        return np.asarray(points, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3]

    def voxel_points(self) -> HostArray:
        """All voxel centres, (z, y, x, 3) in LPS mm: for phantoms and tests, not for hot paths."""
        z, y, x = np.meshgrid(*(np.arange(n) for n in self.shape), indexing="ij")
        return self.to_points(np.stack([x, y, z], axis=-1))

    @property
    def voxel_volume(self) -> float:
        """The volume of one voxel in mm³."""
        return float(np.prod(self.spacing))

    @property
    def extent(self) -> Triple:
        """The size of the grid in mm along its own (x, y, z) axes, voxel edges included."""
        nz, ny, nx = self.shape
        return nx * self.spacing[0], ny * self.spacing[1], nz * self.spacing[2]

    def crop(self, z: slice, y: slice, x: slice) -> VolumeGeometry:
        """The grid of ``array[z, y, x]``; slices with a step of one."""
        bounds = [s.indices(n)[:2] for s, n in zip((z, y, x), self.shape, strict=True)]
        shape = tuple(stop - start for start, stop in bounds)
        corner = self.to_points([start for start, _ in reversed(bounds)])
        return VolumeGeometry(shape, self.spacing, tuple(corner), self.direction)  # type: ignore[arg-type]

    def is_close(self, other: VolumeGeometry, tolerance_mm: float = 1e-3) -> bool:
        """Whether both grids have the same shape and agree at every corner within ``tolerance_mm``."""
        if self.shape != other.shape:
            return False
        nz, ny, nx = self.shape
        corners = [(x, y, z) for x in (0, nx - 1) for y in (0, ny - 1) for z in (0, nz - 1)]
        return bool(np.abs(self.to_points(corners) - other.to_points(corners)).max() <= tolerance_mm)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON and YAML."""
        return {
            "shape": list(self.shape),
            "spacing": list(self.spacing),
            "origin": list(self.origin),
            "direction": [list(row) for row in self.direction],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> VolumeGeometry:
        """The inverse of :meth:`to_dict`."""
        values: dict[str, Any] = {
            name: tuple(map(tuple, v)) if name == "direction" else tuple(v) for name, v in fields.items()
        }
        return cls(**values)
