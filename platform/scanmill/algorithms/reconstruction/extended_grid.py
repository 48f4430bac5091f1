"""The long-object problem: a grid that ends within the object makes an iteration fold in what lies beyond its ends."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from scanmill.algorithms.reconstruction.helical.fan_rays import steepest_rise
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.geometry import ScanGeometry, VolumeGeometry


def extended_grid(grid: VolumeGeometry, scan: ScanGeometry) -> tuple[VolumeGeometry, slice]:
    """The grid with as many slices more at both ends that no ray through the wanted ones leaves it by its ends; and
    where those lie in it.

    A ray rises by at most s (the steepest of the cone) times the diameter of the cylinder around the grid while
    it is inside; rays of other beams stay in their slices, which come back as they are. Reconstruct on this grid and
    keep the wanted slices: what the data tell of the object beyond the wanted ends then has a place to go
    (Magnusson, Danielsson & Sunnegårdh, IEEE Trans. Med. Imaging 25 (2006) 935).

    >>> scan = ScanGeometry.cone([0.0], 9, 2.0, n_rows=11, row_spacing=2.0, source_to_isocenter=50.0,
    ...                          source_to_detector=100.0)
    >>> longer, wanted = extended_grid(VolumeGeometry.centered((4, 30, 40)), scan)
    >>> longer.shape, wanted
    ((14, 30, 40), slice(5, 9, None))
    """
    nz = grid.shape[0]
    if scan.beam != "cone":
        return grid, slice(0, nz)
    diameter = float(np.hypot(*grid.extent[:2]))
    n = int(np.ceil(steepest_rise(scan) * diameter / grid.spacing[2] - 1e-6))
    origin = tuple(float(v) for v in grid.to_points([0, 0, -n]))
    longer = replace(grid, shape=(nz + 2 * n, *grid.shape[1:]), origin=origin)  # type: ignore[arg-type]
    return longer, slice(n, n + nz)


def views_meeting(grid: VolumeGeometry, scan: ScanGeometry) -> HostArray:
    """The views whose cone can meet the grid, as indices; all of them for other beams."""
    if scan.beam != "cone":
        return np.arange(scan.n_views)
    ends = [(-0.5, n - 0.5) for n in reversed(grid.shape)]
    corners = grid.to_points(list(itertools.product(*ends)))
    away = np.linalg.norm(scan.source[:, :2], axis=1) + np.linalg.norm(corners[:, :2], axis=1).max()
    reach, z = steepest_rise(scan) * away, scan.source[:, 2]
    return np.flatnonzero((z - reach <= corners[:, 2].max()) & (z + reach >= corners[:, 2].min()))


def extended_image(image: Array, longer: VolumeGeometry, wanted: slice) -> Array:
    """A first image on the longer grid: the end slices are repeated beyond the ends."""
    return xp_of(image).pad(image, ((wanted.start, longer.shape[0] - wanted.stop), (0, 0), (0, 0)), mode="edge")
