"""Histograms of oriented gradients in a plane."""

from __future__ import annotations

import math

import numpy as np

from scanmill.algorithms.features.cells import mean_votes, n_blocks, normalised_blocks
from scanmill.arrays import Array, HostArray
from scanmill.errors import InputError

ROUNDING = 4e-16
"""By which part of itself an angle may be off, seen through its sine and cosine."""


def hog(image: Array, *, n_orientations: int = 9, cell: int = 8, block: int = 3) -> Array:
    """(block y, block x, cell y, cell x, orientation), float64, of an image (y, x).

    N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005: central differences, each
    pixel votes with its gradient's length for one of ``n_orientations`` of 180°, cells of ``cell`` pixels, blocks of
    ``block`` cells that overlap by all but one, L2-Hys; as in scikit-image without interpolation between bins and
    without a Gaussian window. Raises InputError for an image that is smaller than a block.

    >>> import numpy as np
    >>> hog(np.tile(np.arange(24.0), (24, 1)))[0, 0, 1, 1].round(2).tolist()
    [0.33, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    from scanmill.kernels.gradient_votes import PLANE

    if image.ndim != 2 or n_orientations < 1:
        raise InputError("HOG of a plane needs 2 axes and 1 orientation or more", got=(image.shape, n_orientations))
    n_blocks(image.shape, cell, block)
    return normalised_blocks(mean_votes(PLANE, image, _sector_ends(n_orientations), cell), block)


def _sector_ends(n: int) -> HostArray:
    """Cosine and sine (2, n) of the angles at which each ``n``-th of 180° ends.

    A gradient along an end (0°, 45°, 90°) must not lose its sector to rounding, so all are that much earlier.
    """
    angles = np.arange(1, n + 1) * (math.pi / n) * (1 - ROUNDING)
    return np.stack([np.cos(angles), np.sin(angles)])


def hog_size(shape: tuple[int, ...], *, n_orientations: int = 9, cell: int = 8, block: int = 3) -> int:
    """How many numbers :func:`hog` gives for an image of ``shape``.

    >>> hog_size((96, 96))
    8100
    """
    return math.prod(n_blocks(shape, cell, block)) * int(block ** len(shape)) * n_orientations
