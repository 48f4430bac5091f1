"""An image in colours, in patient space."""

from __future__ import annotations

from dataclasses import dataclass

from scanmill.arrays import Array
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class ColourVolume:
    """Red, green and blue (z, y, x, 3) as uint8, with their grid: something to look at, not to measure in.

    >>> import numpy as np
    >>> ColourVolume(np.zeros((1, 2, 2, 3), np.uint8), VolumeGeometry((1, 2, 2))).array.shape
    (1, 2, 2, 3)
    """

    array: Array
    geometry: VolumeGeometry

    def __post_init__(self) -> None:
        wanted = (*self.geometry.shape, 3)
        if tuple(self.array.shape) != wanted or self.array.dtype != "uint8":
            got = f"{self.array.dtype} {tuple(self.array.shape)}"
            raise InputError("colours do not fit their grid", expected=f"uint8 {wanted}", got=got)
