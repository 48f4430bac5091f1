"""Several images of one scan on one grid."""

from __future__ import annotations

from dataclasses import dataclass

from scanmill.arrays import Array
from scanmill.data.volume import Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class Frames:
    """Voxels (frame, z, y, x): contrasts, phases, echoes or repetitions of one scan, each with a name of its own.

    >>> import numpy as np
    >>> frames = Frames(np.zeros((2, 1, 4, 4)), VolumeGeometry((1, 4, 4)), ("echo 0", "echo 1"))
    >>> frames.volume("echo 1").array.shape
    (1, 4, 4)
    """

    array: Array
    geometry: VolumeGeometry
    names: tuple[str, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        shape = tuple(self.array.shape)
        if len(shape) != 4 or shape[1:] != self.geometry.shape or shape[0] < 1:
            raise InputError("frames do not fit their grid", expected=("frame", *self.geometry.shape), got=shape)
        if len(self.names) != shape[0] or len(set(self.names)) != shape[0]:
            raise InputError("every frame needs a name of its own", expected=shape[0], got=", ".join(self.names))

    def volume(self, frame: int | str) -> Volume:
        """One frame, by number or name, as an image; InputError with their names where it is none of them."""
        number = self.names.index(frame) if isinstance(frame, str) and frame in self.names else frame
        if isinstance(number, str) or not 0 <= number < len(self.names):
            raise InputError("there is no such frame", expected=f"one of: {', '.join(self.names)}", got=frame)
        return Volume(self.array[number], self.geometry, self.unit)
