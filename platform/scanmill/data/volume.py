"""An image in patient space."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scanmill.arrays import Array
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels (z, y, x) with their grid; ``unit`` says what the numbers are (``"1/mm"``, ``"HU"``, ``""``).

    >>> import numpy as np
    >>> Volume(np.zeros((2, 3, 4)), VolumeGeometry((2, 3, 4))).geometry.shape
    (2, 3, 4)
    """

    array: Array
    geometry: VolumeGeometry
    unit: str = ""

    def __post_init__(self) -> None:
        if tuple(self.array.shape) != self.geometry.shape:
            raise InputError("voxels do not fit their grid", expected=self.geometry.shape, got=tuple(self.array.shape))

    def with_array(self, array: Array, unit: str | None = None) -> Volume:
        """The same grid with other voxels."""
        return replace(self, array=array, unit=self.unit if unit is None else unit)
