"""Images at several resolutions, each thinned out after a low pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.data import Volume
from scanmill.geometry import VolumeGeometry

LOW_PASS = (0.125, 0.375, 0.375, 0.125)
"""The binomial filter between pairs of voxels: zero at the highest frequency, and it keeps the mean."""
FEW = 16
"""Axes with fewer voxels are not thinned out any more."""


def pyramid(image: Volume, n_levels: int) -> list[Volume]:
    """``image`` and up to ``n_levels`` - 1 coarser ones, the coarsest first, in float32.

    From one level to the next every axis is halved whose voxels are not much longer than the shortest, so that thick
    slices wait until the others have caught up.

    >>> grid = VolumeGeometry((40, 64, 64), spacing=(1.0, 1.0, 2.5))
    >>> [level.geometry.spacing for level in pyramid(Volume(np.zeros(grid.shape), grid), 3)]
    [(4.0, 4.0, 5.0), (2.0, 2.0, 2.5), (1.0, 1.0, 2.5)]
    """
    xp = xp_of(image.array)
    levels = [image.with_array(xp.ascontiguousarray(image.array, dtype=np.float32))]
    while len(levels) < n_levels:
        axes = thin_axes(levels[-1].geometry)
        if not axes:
            break
        levels.append(halved(levels[-1], axes))
    return levels[::-1]


def thin_axes(grid: VolumeGeometry) -> tuple[int, ...]:
    """The axes (of the array) to halve next; none where the shortest voxels' axes are short already."""
    steps = grid.spacing[::-1]
    long = [axis for axis in range(3) if grid.shape[axis] >= 2 * FEW]
    if not long:
        return ()
    shortest = min(steps[axis] for axis in long)
    return tuple(axis for axis in long if steps[axis] < 1.5 * shortest)


def halved(image: Volume, axes: tuple[int, ...]) -> Volume:
    """Half as many voxels along ``axes``, each between two of the old ones; an odd last one falls away."""
    array, spacing, corner = image.array, list(image.geometry.spacing), [0.0, 0.0, 0.0]
    for axis in axes:
        array = _halved(array, axis)
        spacing[2 - axis] *= 2
        corner[2 - axis] = 0.5
    origin = tuple(image.geometry.to_points(corner))
    grid = VolumeGeometry(array.shape, tuple(spacing), origin, image.geometry.direction)  # type: ignore[arg-type]
    return replace(image, array=array, geometry=grid)


def _halved(array: Array, axis: int) -> Array:
    """By the low pass; the edge goes on outside."""
    xp = xp_of(array)
    rows = xp.moveaxis(array, axis, 0)
    n = rows.shape[0] // 2
    first, second = rows[0 : 2 * n : 2], rows[1 : 2 * n : 2]
    middle, outer = (np.float32(w) for w in (LOW_PASS[1], LOW_PASS[0]))
    out = (first + second) * middle
    out[1:] += second[:-1] * outer
    out[0] += first[0] * outer
    out[:-1] += first[1:] * outer
    out[-1] += second[-1] * outer
    return xp.ascontiguousarray(xp.moveaxis(out, 0, axis))
