"""A dense displacement field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.data.transforms.transform import FixedPointInverse, Transform
from scanmill.data.transforms.vectors import check_vectors, interpolate, is_between, places_in
from scanmill.geometry import VolumeGeometry

SLAB_VOXELS = 2**20
"""So many points are mapped at once."""


@dataclass(frozen=True, eq=False)
class DisplacementField(Transform):
    """y = x + u(x) with u (z, y, x, 3) as (x, y, z) in LPS mm, linear between the grid's points.

    More than half a voxel beyond the outermost centres points stay where they are, as in ITK: a field should fade
    towards its edges, or be larger than what it maps.

    >>> field = DisplacementField(np.full((2, 2, 2, 3), 0.5), VolumeGeometry((2, 2, 2)))
    >>> field.map([[0.5, 0.5, 0.5], [9.0, 0.0, 0.0]]).tolist()
    [[1.0, 1.0, 1.0], [9.0, 0.0, 0.0]]
    """

    array: Array
    geometry: VolumeGeometry

    def __post_init__(self) -> None:
        check_vectors(self.array, self.geometry, "displacements")

    @classmethod
    def sampled(cls, transform: Transform, grid: VolumeGeometry, dtype: type = np.float32) -> DisplacementField:
        """The displacements of any transform at the points of ``grid``."""
        array: HostArray = np.empty((*grid.shape, 3), dtype)
        for planes, points in slabs(grid):
            array[planes] = to_host(transform.map(points)) - points
        return cls(array, grid)

    @classmethod
    def inverted(
        cls, transform: Transform, grid: VolumeGeometry, *, tolerance_mm: float = 1e-3, max_iterations: int = 60
    ) -> tuple[DisplacementField, Array]:
        """The inverse at the points of ``grid``, and what is left of |T(x) - y| (z, y, x) there in mm.

        Points without a pre-image, beyond the edges, keep a large residual: look at it before you trust the field.
        """
        back = FixedPointInverse(transform, tolerance_mm, max_iterations)
        array, residual = np.empty((*grid.shape, 3), np.float32), np.empty(grid.shape, np.float32)
        for planes, points in slabs(grid):
            found, left = back.solve(points)
            array[planes], residual[planes] = to_host(found) - points, to_host(left)
        return cls(array, grid), residual

    def _map(self, points: Array) -> Array:
        places = places_in(self.geometry, points)
        end = np.array(self.geometry.shape[::-1]) - 0.5
        inside = is_between(places, -0.5, end)[..., None]
        return points + xp_of(points).where(inside, interpolate(self.array, places, order=1), 0.0)


def slabs(grid: VolumeGeometry) -> Iterator[tuple[slice, HostArray]]:
    """Slices of planes with their points (z, y, x, 3) in mm, about a million at a time."""
    _, ny, nx = grid.shape
    for planes in plane_slices(grid):
        yield planes, grid.crop(planes, slice(0, ny), slice(0, nx)).voxel_points()


def plane_slices(grid: VolumeGeometry) -> Iterator[slice]:
    """Slices of planes, about a million points each."""
    nz, ny, nx = grid.shape
    n_planes = max(1, SLAB_VOXELS // (ny * nx))
    for start in range(0, nz, n_planes):
        yield slice(start, min(nz, start + n_planes))
