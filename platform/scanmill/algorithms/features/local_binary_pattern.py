"""Local binary patterns: which points on a small circle are as bright as its middle."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.features.box import Region, inside_of
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError

TIE = 1e-9
"""Differences under this part of the image's range count as equal: interpolation must not decide in a flat region."""


def local_binary_pattern(image: Array, *, n_points: int = 8, radius: float = 1.0) -> Array:
    """Rotation invariant uniform patterns in the planes of the last two axes, 0 to n_points + 1, int32.

    LBP^riu2 of T. Ojala, M. Pietikäinen, T. Mäenpää, IEEE Trans. Pattern Anal. Mach. Intell. 24 (2002) 971-987: the
    number of points on the circle (in pixels) that are at least as bright as its middle, where they are one run, else
    n_points + 1. Points between pixels are interpolated linearly; beyond the rim the image is 0.

    >>> local_binary_pattern(np.array([[0, 0, 0], [0, 5, 0], [0, 0, 0]]))[1, 1]
    np.int32(0)
    """
    if image.ndim < 2 or n_points < 3 or not radius > 0:
        raise InputError("patterns need planes, 3 points or more and a radius", got=(image.ndim, n_points, radius))
    xp = xp_of(image)
    if not bool(xp.isfinite(image).all()):
        raise InputError("features need real, finite voxels", got=image.dtype)
    reach = int(np.ceil(radius)) + 1
    x = image.astype(xp.float64)
    padded = xp.pad(x, [(0, 0)] * (x.ndim - 2) + [(reach, reach)] * 2)
    least = x - TIE * float(x.max() - x.min())
    bright = [_at(padded, reach, offset, x.shape) >= least for offset in _circle(n_points, radius)]
    n_bright = sum(b.astype(xp.int32) for b in bright)
    n_changes = sum((a != b).astype(xp.int32) for a, b in zip(bright, bright[1:] + bright[:1], strict=True))
    return xp.where(n_changes <= 2, n_bright, n_points + 1).astype(xp.int32)


def pattern_histogram(image: Array, region: Region = None, *, n_points: int = 8, radius: float = 1.0) -> Array:
    """The fraction of each pattern in the region: (n_points + 2,) of an image, (3 (n_points + 2),) of a volume.

    A volume (z, y, x) of more than one plane has the patterns of its (y, x), (z, x) and (z, y) planes one after
    another, each adding up to 1: the appearance part of LBP-TOP, G. Zhao, M. Pietikäinen, IEEE Trans. Pattern Anal.
    Mach. Intell. 29 (2007) 915-928. The circles are round in voxels, so resample to a grid of one spacing first.

    >>> pattern_histogram(np.ones((9, 9)), np.pad(np.ones((5, 5)), 2)).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    """
    xp = xp_of(image)
    inside = inside_of(image, region)
    image, inside = (image[0], inside[0]) if image.ndim == 3 and image.shape[0] == 1 else (image, inside)
    turns = [(0, 1)] if image.ndim == 2 else [(0, 1, 2), (1, 0, 2), (2, 0, 1)]
    parts = []
    for turn in turns:
        patterns = local_binary_pattern(image.transpose(turn), n_points=n_points, radius=radius)
        counts = xp.bincount(patterns[inside.transpose(turn)], minlength=n_points + 2)
        parts.append(counts / counts.sum())
    return xp.concatenate(parts)


def _circle(n_points: int, radius: float) -> list[tuple[float, float]]:
    """The points (y, x), against the clock from the right; rounded, so that the four on the axes meet pixels."""
    angles = 2 * np.pi * np.arange(n_points) / n_points
    return [(float(round(-radius * np.sin(a), 5)), float(round(radius * np.cos(a), 5))) for a in angles]


def _at(padded: Array, reach: int, offset: tuple[float, float], shape: tuple[int, ...]) -> Array:
    """Every pixel's neighbour at ``offset``, between pixels by linear interpolation."""
    (top, down), (left, right) = ((int(np.floor(o)), o - np.floor(o)) for o in offset)
    ny, nx = shape[-2:]

    def pixel(dy: int, dx: int) -> Array:
        y, x = reach + top + dy, reach + left + dx
        return padded[..., y : y + ny, x : x + nx]

    upper = (1 - right) * pixel(0, 0) + right * pixel(0, 1)
    lower = (1 - right) * pixel(1, 0) + right * pixel(1, 1)
    return (1 - down) * upper + down * lower
