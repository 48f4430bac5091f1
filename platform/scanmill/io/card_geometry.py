"""Where a card says that an image lies."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.card_files import RoleFiles
from scanmill.io.card_parts import Place

UNKNOWN = "unknown"
MILLIMETRES = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}


class GridPlace(Protocol):
    """What the roles of images and of k-space say of their grid."""

    @property
    def length_unit(self) -> str:
        """The unit of all lengths."""

    @property
    def spacing(self) -> tuple[float, float, float] | str | Place:
        """(x, y, z), or "unknown"."""

    @property
    def origin(self) -> str | tuple[float, float, float]:
        """The centre of the first voxel, or "centered"."""

    @property
    def direction(self) -> tuple[float, ...] | None:
        """Row by row."""


def volume_geometry(role: GridPlace, source: RoleFiles, shape: tuple[int, int, int]) -> VolumeGeometry:
    """The grid of an array (z, y, x) of that shape."""
    unit = MILLIMETRES[role.length_unit]
    spacing = source.array(role.spacing).reshape(-1) if isinstance(role.spacing, Place) else np.asarray(role.spacing)
    if role.spacing == UNKNOWN:
        spacing = np.full(3, 1 / unit)
    if spacing.shape != (3,):
        raise InputError("spacing needs three numbers (x, y, z)", where=source.where, got=spacing.shape)
    x, y, z = (float(step) * unit for step in spacing)
    if role.origin == "centered":
        grid = VolumeGeometry.centered(shape, (x, y, z))
    else:
        grid = VolumeGeometry(shape, (x, y, z), tuple(float(c) * unit for c in role.origin))  # type: ignore[arg-type]
    if role.direction is None:
        return grid
    axes = np.reshape(role.direction, (3, 3))
    origin = axes @ np.asarray(grid.origin) if role.origin == "centered" else grid.origin
    return VolumeGeometry(shape, grid.spacing, tuple(origin), tuple(map(tuple, axes)))  # type: ignore[arg-type]
