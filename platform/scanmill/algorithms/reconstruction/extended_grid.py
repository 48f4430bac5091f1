"""The long-object problem: a grid that ends within the object makes an iteration fold in what lies beyond its ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.cone_reach import steepest_rise


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
    ((16, 30, 40), slice(6, 10, None))
    """
    nz = grid.shape[0]
    if scan.beam != "cone":
        return grid, slice(0, nz)
    diameter = float(np.hypot(*grid.extent[:2]))
    n = int(np.ceil(steepest_rise(scan) * diameter / grid.spacing[2] - 1e-6))
    origin = tuple(float(v) for v in grid.to_points([0, 0, -n]))
    longer = replace(grid, shape=(nz + 2 * n, *grid.shape[1:]), origin=origin)  # type: ignore[arg-type]
    return longer, slice(n, n + nz)


def extended_image(image: Array, longer: VolumeGeometry, wanted: slice) -> Array:
    """A first image on the longer grid: the end slices are repeated beyond the ends."""
    return xp_of(image).pad(image, ((wanted.start, longer.shape[0] - wanted.stop), (0, 0), (0, 0)), mode="edge")
