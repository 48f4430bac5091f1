"""A segmentation in patient space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanmill.arrays import Array
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class Labels:
    """Integer labels (z, y, x) with their grid; 0 is background, ``names`` maps a label to its word.

    >>> import numpy as np
    >>> Labels(np.ones((1, 2, 2), np.uint8), VolumeGeometry((1, 2, 2)), {1: "object"}).names[1]
    'object'
    """

    array: Array
    geometry: VolumeGeometry
    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if tuple(self.array.shape) != self.geometry.shape:
            raise InputError("labels do not fit their grid", expected=self.geometry.shape, got=tuple(self.array.shape))
        if self.array.dtype.kind not in "iub":
            raise InputError("labels must be integers", got=self.array.dtype)
