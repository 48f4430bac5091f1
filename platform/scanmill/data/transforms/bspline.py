"""Free-form deformation by cubic B-splines, on ITK's lattice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.data.transforms.transform import Transform
from scanmill.data.transforms.vectors import check_vectors, interpolate, is_between, places_in
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry

ROOM = 1e-9
"""The part by which a domain is wider than its grid, lest rounding leaves the outermost edge out."""


@dataclass(frozen=True, eq=False)
class BSpline(Transform):
    """y = x + sum over the lattice of ``coefficients`` (z, y, x, 3) in mm times cubic B-splines.

    ``lattice`` is the grid of the control points, as in ITK: it stands out by one point before the domain and by one
    behind it (mesh + 3 points along an axis). Outside the domain, from lattice index 1 to n - 2, points stay where
    they are. Source: Rueckert et al. (IEEE Trans Med Imaging 18:712, 1999).

    >>> rest = BSpline.over(VolumeGeometry((8, 8, 8)), mesh=(2, 2, 2))
    >>> rest.lattice.shape, rest.map([1.0, 2.0, 3.0]).tolist()
    ((5, 5, 5), [1.0, 2.0, 3.0])
    """

    coefficients: Array
    lattice: VolumeGeometry

    def __post_init__(self) -> None:
        if min(self.lattice.shape) < 4:
            raise InputError("a cubic lattice needs 4 points along each axis", got=self.lattice.shape)
        check_vectors(self.coefficients, self.lattice, "B-spline coefficients")

    @classmethod
    def over(cls, grid: VolumeGeometry, mesh: tuple[int, int, int]) -> BSpline:
        """A transform at rest whose domain is all of ``grid``, voxel edges included, in ``mesh`` (z, y, x) cells."""
        cells = np.array(mesh[::-1], dtype=np.int64)
        if cells.shape != (3,) or cells.min() < 1:
            raise InputError("a mesh needs three positive sizes (z, y, x)", got=mesh)
        step = np.array(grid.extent) * (1 + ROOM) / cells
        before = step + np.array(grid.extent) * ROOM / 2
        corner = grid.to_points([-0.5, -0.5, -0.5]) - np.asarray(grid.direction) @ before
        lattice = VolumeGeometry(tuple(cells[::-1] + 3), tuple(step), tuple(corner), grid.direction)
        return cls(np.zeros((*lattice.shape, 3)), lattice)

    def _map(self, points: Array) -> Array:
        xp = xp_of(points)
        end = np.array(self.lattice.shape[::-1]) - 2.0
        places = places_in(self.lattice, points)
        inside = is_between(places, 1.0, np.nextafter(end, np.inf))[..., None]
        return points + xp.where(inside, interpolate(self.coefficients, places, order=3), 0.0)
