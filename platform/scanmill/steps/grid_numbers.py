"""A grid as numbers, for partials of reductions, which are files of arrays."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.geometry import VolumeGeometry


def numbers_of_grid(grid: VolumeGeometry) -> HostArray:
    """Shape, spacing, origin and direction as 18 float64 numbers.

    >>> grid = VolumeGeometry((2, 3, 4), (1.0, 2.0, 3.0))
    >>> grid_of_numbers(numbers_of_grid(grid)) == grid
    True
    """
    return np.concatenate([np.asarray(grid.shape, float), grid.spacing, grid.origin, np.ravel(grid.direction)])


def grid_of_numbers(numbers: HostArray) -> VolumeGeometry:
    """The inverse of `numbers_of_grid`."""
    n = numbers.tolist()
    rows = (tuple(n[9:12]), tuple(n[12:15]), tuple(n[15:18]))
    return VolumeGeometry((int(n[0]), int(n[1]), int(n[2])), tuple(n[3:6]), tuple(n[6:9]), rows)
