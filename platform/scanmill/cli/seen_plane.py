"""A plane of an image as it is shown and compared: upright, with a box in its pixels."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.features import Box
from scanmill.algorithms.features.upright import flipped, flips_of
from scanmill.arrays import HostArray
from scanmill.data import Volume

Frame = tuple[int, int, int, int]
"""A box (x, y, w, h) in pixels of a plane."""


def seen_plane(image: Volume, plane: int, box: Box | None = None) -> tuple[HostArray, Frame | None]:
    """A copy of the plane with this number, and where a box (z, y, x) of the image's voxels lies in it."""
    within = None if box is None else Box(box.start[1:], box.size[1:])
    seen, turned = flipped(image.array[plane], within, flips_of(image.geometry)[1:])
    if turned is None:
        return np.array(seen), None
    (y, x), (h, w) = turned.start, turned.size
    return np.array(seen), (x, y, w, h)
