"""Where in an image a feature is measured: everywhere, in a box, or in a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from scanmill.arrays import Array, to_host, xp_of
from scanmill.errors import InputError


@dataclass(frozen=True)
class Box:
    """A box of voxels in array order, (z, y, x) or (y, x): ``start`` is its first voxel, ``size`` its voxels.

    >>> Box((1, 2), (2, 3)).slices
    (slice(1, 3, None), slice(2, 5, None))
    >>> Box.around(np.array([[0, 0, 0, 0], [0, 1, 1, 0]])) == Box((1, 1), (1, 2))
    True
    """

    start: tuple[int, ...]
    size: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.start) != len(self.size) or min(self.size, default=0) < 1:
            raise InputError("a box needs a start and a size of 1 or more along each axis", got=(self.start, self.size))

    @classmethod
    def around(cls, mask: Array) -> Box:
        """The smallest box that holds every voxel of ``mask``; InputError for an empty one."""
        where = to_host(mask) != 0
        if not where.any():
            raise InputError("the mask is empty")
        axes = range(where.ndim)
        lines = [np.flatnonzero(where.any(axis=tuple(b for b in axes if b != a))) for a in axes]
        start = tuple(int(line[0]) for line in lines)
        return cls(start, tuple(int(line[-1]) - first + 1 for line, first in zip(lines, start, strict=True)))

    @property
    def slices(self) -> tuple[slice, ...]:
        """The index of the box in an array."""
        return tuple(slice(first, first + n) for first, n in zip(self.start, self.size, strict=True))

    def grown(self, fraction: float, shape: tuple[int, ...]) -> Box:
        """This box with a rim of ``fraction`` of its size on every side, as far as an image of ``shape`` reaches."""
        rims = [round(fraction * n) for n in self.size]
        start = [max(0, first - rim) for first, rim in zip(self.start, rims, strict=True)]
        ends = [min(n, sum(pair)) for n, *pair in zip(shape, self.start, self.size, rims, strict=True)]
        return Box(tuple(start), tuple(end - first for first, end in zip(start, ends, strict=True)))


Region: TypeAlias = Any
"""None (everywhere), a :class:`Box`, or a mask of the image's shape in which anything but 0 is inside."""


def box_of(region: Region, shape: tuple[int, ...]) -> Box:
    """The box that holds ``region`` in an image of ``shape``; InputError where they do not fit."""
    if region is None:
        return Box((0,) * len(shape), tuple(shape))
    if isinstance(region, Box):
        ends = [sum(pair) for pair in zip(region.start, region.size, strict=True)]
        fits = len(ends) == len(shape) and min(region.start) >= 0
        if not fits or any(end > n for end, n in zip(ends, shape, strict=True)):
            raise InputError("the region lies outside the image", expected=f"within {tuple(shape)}", got=region)
        return region
    if tuple(region.shape) != tuple(shape):
        raise InputError("mask and image differ in shape", expected=tuple(shape), got=tuple(region.shape))
    return Box.around(region)


def cut_out(image: Array, region: Region = None, *, margin: float = 0.0) -> tuple[Array, Array]:
    """The image in the box of ``region``, grown by ``margin`` of its size, and which of its voxels are in the region.

    Raises InputError for an empty mask, a region that does not fit the image, and voxels that are not finite.

    >>> image, inside = cut_out(np.arange(6).reshape(2, 3), np.array([[0, 1, 0], [0, 1, 1]]))
    >>> image.tolist(), inside.tolist()
    ([[1, 2], [4, 5]], [[True, False], [True, True]])
    """
    around = box_of(region, image.shape).grown(margin, image.shape).slices
    part = image[around]
    if part.dtype.kind == "c" or not bool(xp_of(image).isfinite(part).all()):
        raise InputError("features need real, finite voxels", got=part.dtype)
    return part, inside_of(image, region)[around]


def inside_of(image: Array, region: Region = None) -> Array:
    """Which voxels of the image are in the region, bool, the image's shape; InputError as of :func:`box_of`."""
    xp = xp_of(image)
    box = box_of(region, image.shape)
    inside = xp.zeros(image.shape, dtype=bool)
    inside[box.slices] = True if region is None or isinstance(region, Box) else xp.asarray(region)[box.slices] != 0
    return inside
