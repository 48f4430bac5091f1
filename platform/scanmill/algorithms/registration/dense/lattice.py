"""Control points of cubic B-splines over a level's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.registration.dense.level import Level
from scanmill.arrays import Array, HostArray, is_device_array, xp_of
from scanmill.data.transforms import BSpline
from scanmill.geometry import VolumeGeometry
from scanmill.kernels import banded

Band = tuple[Array, Array]
"""Weights (rows, width) and the first column of each row."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """``steps`` (x, y, z) between control points in voxels of the finest grid, whose voxels begin in the second cell.

    As in `data.transforms.BSpline` one control point stands out at the front, and one or two at the back.
    """

    grid: VolumeGeometry
    steps: tuple[float, float, float]

    @classmethod
    def over(cls, grid: VolumeGeometry, step: float) -> Lattice:
        """Control points every ``step`` of the grid's finest voxels."""
        x, y, z = (step * min(grid.spacing) / h for h in grid.spacing)
        return cls(grid, (x, y, z))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the control points, (z, y, x)."""
        z, y, x = (int(np.ceil(n / s)) + 3 for n, s in zip(self.grid.shape, reversed(self.steps), strict=True))
        return z, y, x

    def matrices(self, level: Level) -> list[HostArray]:
        """Along z, y and x: the value of every spline at every voxel of the level, (voxels, points)."""
        out = []
        for axis in range(3):
            step, factor = self.steps[2 - axis], level.factors[2 - axis]
            places = 1 + (np.arange(level.shape[axis]) * factor + 0.5) / step
            out.append(cubic(places[:, None] - np.arange(self.shape[axis])))
        return out

    def transform(self, coefficients: HostArray) -> BSpline:
        """Coefficients (3, z, y, x) in voxels of the finest grid as a free form in mm."""
        corner = self.grid.to_points(-np.array(self.steps) - 0.5)
        spacing = tuple(s * h for s, h in zip(self.steps, self.grid.spacing, strict=True))
        lattice = VolumeGeometry(self.shape, spacing, tuple(corner), self.grid.direction)  # type: ignore[arg-type]
        vectors = np.moveaxis(coefficients, 0, -1).astype(np.float64) @ self.grid.index_to_point[:3, :3].T
        return BSpline(vectors, lattice)


def cubic(x: HostArray) -> HostArray:
    """The cubic B-spline."""
    far = np.abs(x)
    near = 2 / 3 - far**2 + far**3 / 2
    return np.asarray(np.where(far < 1, near, np.maximum(2 - far, 0) ** 3 / 6))


class Splines:
    """What a level needs of a lattice: splines at its voxels, and back, by matrices along the three axes."""

    def __init__(self, lattice: Lattice, level: Level) -> None:
        xp, matrices = xp_of(level.fixed), lattice.matrices(level)
        self._forward = [band_of(matrix, xp) for matrix in matrices]
        self._back = [band_of(matrix.T, xp) for matrix in matrices]
        self._back_squared = [band_of(matrix.T**2, xp) for matrix in matrices]

    def values(self, coefficients: Array) -> Array:
        """The field (3, z, y, x) of coefficients."""
        return _along_all(coefficients, self._forward, (2, 1, 0))

    def adjoint(self, field: Array) -> Array:
        """Sums over all voxels of spline times field, for every control point."""
        return _along_all(field, self._back, (0, 1, 2))

    def squared_adjoint(self, field: Array) -> Array:
        """The same with the splines squared: what the diagonal of a Gauss-Newton matrix is made of."""
        return _along_all(field, self._back_squared, (0, 1, 2))


def band_of(matrix: HostArray, xp: object = np) -> Band:
    """A matrix as the narrowest band that holds all of it."""
    filled = matrix != 0
    firsts = np.where(filled.any(axis=1), filled.argmax(axis=1), 0)
    lasts = np.where(filled.any(axis=1), matrix.shape[1] - 1 - filled[:, ::-1].argmax(axis=1), 0)
    width = int((lasts - firsts).max()) + 1
    firsts = np.minimum(firsts, matrix.shape[1] - width)
    weights = np.take_along_axis(matrix, firsts[:, None] + np.arange(width), axis=1)
    return xp.asarray(weights, np.float32), xp.asarray(firsts, np.int32)  # type: ignore[attr-defined]


def _along_all(values: Array, bands: list[Band], order: tuple[int, ...]) -> Array:
    for axis in order:
        weights, firsts = bands[axis]
        before, after = values.shape[: axis + 1], values.shape[axis + 2 :]
        out = xp_of(values).empty((*before, weights.shape[0], *after), np.float32)
        n_after = int(np.prod(after))
        seen = values.reshape(-1, values.shape[axis + 1], n_after), out.reshape(-1, weights.shape[0], n_after)
        run = 1 if is_device_array(values) else n_after
        banded.BANDED(out.size // run, seen[0], weights, firsts, run, seen[1])
        values = out
    return values
