"""What the coils of an MR scanner see."""

from __future__ import annotations

from dataclasses import dataclass

from scanmill.arrays import Array
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class CoilSensitivities:
    """Complex sensitivities (slice, set, coil, z, y, x) on the grid of the encoded image, zero where nothing is seen.

    As in `KSpace`, slices encoded one by one stand along the grid's z and the array's own z is 1; where z is encoded
    there is one slice. Several sets are the soft maps of ESPIRiT. The coils are those of the k-space that they come
    from: as compressed and as whitened.

    >>> import numpy as np
    >>> maps = CoilSensitivities(np.ones((5, 1, 4, 1, 8, 8), np.complex64), VolumeGeometry((5, 8, 8)))
    >>> maps.n_slices, maps.n_sets, maps.n_coils
    (5, 1, 4)
    """

    array: Array
    geometry: VolumeGeometry

    def __post_init__(self) -> None:
        shape = tuple(self.array.shape)
        if len(shape) != 6 or self.array.dtype.kind != "c":
            raise InputError(
                "coil sensitivities are complex",
                expected="(slice, set, coil, z, y, x)",
                got=f"{self.array.dtype} {shape}",
            )
        slices, (nz, ny, nx) = shape[0], shape[3:]
        if (slices if nz == 1 else nz, ny, nx) != self.geometry.shape or (slices > 1 and nz > 1):
            raise InputError("coil sensitivities do not fit their grid", expected=self.geometry.shape, got=shape)

    @property
    def n_slices(self) -> int:
        """How many slices were encoded one by one; 1 where z is encoded."""
        return int(self.array.shape[0])

    @property
    def n_sets(self) -> int:
        """How many sets of maps."""
        return int(self.array.shape[1])

    @property
    def n_coils(self) -> int:
        """How many receivers."""
        return int(self.array.shape[2])
