"""Local binary patterns: which points on a small circle are as bright as its middle."""

from __future__ import annotations

import math

import numpy as np

from scanmill.algorithms.features.box import Region, inside_of
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import InputError

TIE = 1e-9
"""Differences under this part of the image's range count as equal: interpolation must not decide in a flat region."""
MOST_POINTS = 2**15 - 1
"""The bright points that the kernel's integers count."""


def local_binary_pattern(image: Array, *, n_points: int = 8, radius: float = 1.0) -> Array:
    """Rotation invariant uniform patterns in the planes of the last two axes, 0 to n_points + 1, int32.

    LBP^riu2 of T. Ojala, M. Pietikäinen, T. Mäenpää, IEEE Trans. Pattern Anal. Mach. Intell. 24 (2002) 971-987: the
    number of points on the circle (in pixels) that are at least as bright as its middle, where they are one run, else
    n_points + 1. Points between pixels are interpolated linearly; beyond the rim the image is 0.

    >>> local_binary_pattern(np.array([[0, 0, 0], [0, 5, 0], [0, 0, 0]]))[1, 1]
    np.int32(0)
    """
    if image.ndim < 2 or not 3 <= n_points <= MOST_POINTS or not radius > 0:
        raise InputError("patterns need planes, 3 points or more and a radius", got=(image.ndim, n_points, radius))
    least, highest = image.min(), image.max()
    if image.dtype.kind == "c" or not np.isfinite((float(least), float(highest))).all():
        raise InputError("features need real, finite voxels", got=image.dtype)
    circle = _circle(n_points, radius)
    return _patterns(image, circle, int(np.ceil(radius)) + 1, TIE * (float(highest) - float(least)))


def _patterns(image: Array, circle: HostArray, reach: int, tie: float) -> Array:
    """The patterns on a circle, (point, yx), that reaches less than ``reach``; computed in float64."""
    from scanmill.kernels.patterns import PATTERNS
    from scanmill.operators.grid_places import runs_of

    xp, (*before, ny, nx) = xp_of(image), image.shape
    padded = xp.zeros((*before, ny + 2 * reach, nx + 2 * reach), dtype=xp.float64)
    padded[..., reach : reach + ny, reach : reach + nx] = image
    corners = np.floor(circle).astype(np.int64)
    places = xp.asarray(corners + reach), xp.asarray(circle - corners)
    patterns = xp.empty((math.prod(before), ny, nx), dtype=xp.int32)
    n_runs, run = runs_of(patterns)
    PATTERNS(n_runs, padded.reshape(-1, *padded.shape[-2:]), *places, reach, np.float64(tie), run, patterns)
    return patterns.reshape(image.shape)


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


def _circle(n_points: int, radius: float) -> HostArray:
    """The points (point, yx), against the clock from the right; rounded, so that the four on the axes meet pixels."""
    angles = 2 * np.pi * np.arange(n_points) / n_points
    return np.array([(round(-radius * np.sin(a), 5), round(radius * np.cos(a), 5)) for a in angles])
