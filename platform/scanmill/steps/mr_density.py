"""The density compensation of a trajectory, where a method wants one."""

from __future__ import annotations

from typing import Literal

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data import KSpace
from scanmill.operators.bounded_cache import BoundedCache, digest_of

Density = Literal["none", "pipe-menon", "voronoi", "radial"]
_KEPT: BoundedCache[HostArray] = BoundedCache(2**28)
BY_GRIDDING = ("zero-filled", "adaptive", "grasp", "radial-3d")
"""Methods that cannot do without."""


def density_of(scan: KSpace, density: Density) -> HostArray | None:
    """Weights (frame or 1, slice or 1, shot, sample), or None for samples on a grid and where none are asked for."""
    if scan.trajectory is None or density == "none":
        return None
    points = scan.trajectory.points
    weights = [_kept(one, scan.matrix, density) for one in points.reshape(-1, *points.shape[2:])]
    return np.stack(weights).reshape(points.shape[:-1])


def _kept(points: HostArray, matrix: tuple[int, int, int], density: Density) -> HostArray:
    """The weights, made once for all rows with the same points."""
    key = digest_of(points), matrix, density
    return _KEPT.get(key, lambda: _weights(points, matrix, density), 8 * points[..., 0].size)


def _weights(points: HostArray, matrix: tuple[int, int, int], density: Density) -> HostArray:
    """The weights (shot, sample) of points (shot, sample, d)."""
    if density == "pipe-menon":
        from scanmill.algorithms.calibration.density_compensation import density_compensation

        return density_compensation(points, matrix)
    if density == "voronoi":
        from scanmill.algorithms.calibration.density_compensation_voronoi import voronoi_density_compensation

        return voronoi_density_compensation(points)
    from scanmill.algorithms.calibration.density_compensation_radial import radial_density_compensation

    return radial_density_compensation(points)
