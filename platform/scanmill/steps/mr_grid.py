"""The part of the encoded image that is given out."""

from __future__ import annotations

import numpy as np

from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry

OFF_GRID = 0.01
"""Parts of a voxel by which the part may miss the voxels of the whole."""
Box = tuple[slice, slice, slice]


def part_of(whole: VolumeGeometry, part: VolumeGeometry | None) -> tuple[Box, VolumeGeometry]:
    """Where ``part`` stands in ``whole``, as slices (z, y, x), and its grid; InputError where it is none of it.

    >>> grid = VolumeGeometry((1, 8, 8))
    >>> part_of(grid, grid.crop(slice(0, 1), slice(0, 8), slice(2, 6)))[0]
    (slice(0, 1, None), slice(0, 8, None), slice(2, 6, None))
    """
    if part is None:
        return (slice(None), slice(None), slice(None)), whole
    first = whole.to_indices(part.origin)
    last = whole.to_indices(part.to_points([n - 1 for n in reversed(part.shape)]))
    low, high = np.rint(first).astype(int), np.rint(last).astype(int)
    sizes = np.array(part.shape[::-1])
    off = max(np.abs(first - low).max(), np.abs(last - low - sizes + 1).max())
    if off > OFF_GRID or low.min() < 0 or (high >= np.array(whole.shape[::-1])).any():
        raise InputError(
            "the part to give out does not lie in the encoded image",
            where="scan",
            expected=(whole.shape, whole.spacing),
            got=(part.shape, part.spacing),
        )
    x, y, z = (slice(int(a), int(a + n)) for a, n in zip(low, sizes, strict=True))
    return (z, y, x), whole.crop(z, y, x)
