"""Which way up a plane is looked at: a body lies the same way, in whatever order its file keeps the voxels."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.features.box import Box, Region
from scanmill.arrays import Array, xp_of
from scanmill.geometry import VolumeGeometry

Flips = tuple[bool, ...]
"""For each axis of an array, whether it is turned round."""


def flips_of(geometry: VolumeGeometry) -> Flips:
    """Which of the axes (z, y, x) to turn round so that planes lie as radiologists look at them.

    Columns grow to the patient's left or, in a sagittal plane, to the back; rows to the back or, in planes that stand,
    to the feet; planes to the left, the back or the head. An axis is told by the direction it is nearest to.

    >>> nifti = VolumeGeometry((5, 6, 7), direction=((-1, 0, 0), (0, -1, 0), (0, 0, 1)))
    >>> flips_of(nifti), flips_of(VolumeGeometry((5, 6, 7)))
    ((False, True, True), (False, False, False))
    """
    flips = []
    for axis, direction in enumerate(np.asarray(geometry.direction).T):
        nearest = int(np.argmax(np.abs(direction)))
        to_the_feet = nearest == 2 and axis < 2
        flips.append(bool((direction[nearest] < 0) != to_the_feet))
    return tuple(reversed(flips))


def flipped(array: Array, region: Region, flips: Flips) -> tuple[Array, Region]:
    """The array and a region of it with some axes turned round.

    >>> array, box = flipped(np.arange(4)[None], Box((0, 0), (1, 1)), (False, True))
    >>> array.tolist(), box
    ([[3, 2, 1, 0]], Box(start=(0, 3), size=(1, 1)))
    """
    if not any(flips):
        return array, region
    turn = tuple(slice(None, None, -1 if flip else None) for flip in flips)
    if isinstance(region, Box):
        places = zip(array.shape, region.start, region.size, flips, strict=True)
        region = Box(tuple(n - first - size if flip else first for n, first, size, flip in places), region.size)
    elif region is not None:
        region = region[turn]
    return xp_of(array).ascontiguousarray(array[turn]), region
