"""Histograms of oriented gradients in a plane."""

from __future__ import annotations

import math

from scanmill.algorithms.features.cells import cell_means, central_differences, n_blocks, normalised_blocks
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


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
    if image.ndim != 2 or n_orientations < 1:
        raise InputError("HOG of a plane needs 2 axes and 1 orientation or more", got=(image.shape, n_orientations))
    n_blocks(image.shape, cell, block)
    xp = xp_of(image)
    dy, dx = central_differences(image)
    length, angle = xp.hypot(dx, dy), xp.rad2deg(xp.arctan2(dy, dx)) % 180
    sector = xp.floor(angle * (n_orientations / 180)).astype(xp.int64) % n_orientations  # 180° is 0° again
    votes = [xp.where(sector == k, length, 0.0) for k in range(n_orientations)]
    return normalised_blocks(xp.stack([cell_means(v, cell) for v in votes], axis=-1), block)


def hog_size(shape: tuple[int, ...], *, n_orientations: int = 9, cell: int = 8, block: int = 3) -> int:
    """How many numbers :func:`hog` gives for an image of ``shape``.

    >>> hog_size((96, 96))
    8100
    """
    return math.prod(n_blocks(shape, cell, block)) * int(block ** len(shape)) * n_orientations
