"""An object made of ellipsoids, with exact projections."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.geometry.grid import Triple
from scanmill.phantoms.ellipsoid import Ellipsoid, lines
from scanmill.phantoms.rasterisation import add_ellipsoid


@dataclass(frozen=True)
class Phantom:
    """A sum of ellipsoids; attenuation in 1/mm, lengths in LPS mm.

    Its line integrals are exact for any scan, so reconstruction and projectors can be judged against them. The voxels
    are samples of the object, not its truth.

    >>> ball = Phantom((Ellipsoid((0.0, 0.0, 0.0), (10.0, 10.0, 10.0), value=0.5),))
    >>> scan = ScanGeometry.parallel([0.0, 1.0], n_columns=3, column_spacing=8.0)
    >>> ball.line_integrals(scan).round(6).tolist()
    [[[6.0, 10.0, 6.0]], [[6.0, 10.0, 6.0]]]
    """

    ellipsoids: tuple[Ellipsoid, ...]

    def line_integrals(
        self, scan: ScanGeometry, *, supersampling: int = 1, dtype: npt.DTypeLike = np.float64
    ) -> HostArray:
        """The exact integral of attenuation along every ray, (view, row, column), no unit; computed in float64.

        With ``supersampling`` each pixel has the mean over that many rays along its columns (and rows, where the
        detector has several), as a pixel with a width sees the object; without it, the ray through its centre.
        """
        _check_supersampling(supersampling)
        sums = np.zeros(scan.shape)
        steps = (np.arange(supersampling) + 0.5) / supersampling - 0.5
        offsets = [(row, column) for row in (steps if scan.n_rows > 1 else (0.0,)) for column in steps]
        for row, column in offsets:
            moved = _between_pixels(scan, row, column)
            for view in range(scan.n_views):
                points, directions = lines(*moved.rays(view))
                flat = sums[view].reshape(-1)
                for ellipsoid in self.ellipsoids:
                    flat += ellipsoid.value * ellipsoid.chords_of_lines(points, directions)
        return (sums / len(offsets)).astype(dtype, copy=False)

    def projections(
        self, scan: ScanGeometry, *, supersampling: int = 1, dtype: npt.DTypeLike = np.float32
    ) -> Projections:
        """The exact line integrals with their scan."""
        return Projections(self.line_integrals(scan, supersampling=supersampling, dtype=dtype), scan, "line_integral")

    def values(self, points: HostArray) -> HostArray:
        """The attenuation in 1/mm at (..., 3) points in mm."""
        points = np.asarray(points, dtype=np.float64)
        total = np.zeros(points.shape[:-1])
        for ellipsoid in self.ellipsoids:
            total += ellipsoid.value * ellipsoid.contains(points)
        return total

    def voxels(self, grid: VolumeGeometry, *, supersampling: int = 3, dtype: npt.DTypeLike = np.float32) -> Volume:
        """The attenuation on a grid: in each voxel the mean of ``supersampling``³ points (1: its centre alone)."""
        _check_supersampling(supersampling)
        total = np.zeros(grid.shape)
        for ellipsoid in self.ellipsoids:
            add_ellipsoid(total, ellipsoid, grid, supersampling)
        return Volume(total.astype(dtype), grid, "1/mm")

    def scaled(self, *, size: float = 1.0, value: float = 1.0) -> Phantom:
        """All lengths times ``size`` (about the isocentre), all attenuations times ``value``."""
        return Phantom(tuple(e.scaled(size, value) for e in self.ellipsoids))

    def moved(self, offset_mm: Triple) -> Phantom:
        """The whole object shifted by ``offset_mm`` (x, y, z)."""
        return Phantom(tuple(e.moved(offset_mm) for e in self.ellipsoids))

    def __add__(self, other: Phantom) -> Phantom:
        return Phantom(self.ellipsoids + other.ellipsoids)


def _between_pixels(scan: ScanGeometry, row: float, column: float) -> ScanGeometry:
    """The scan whose pixels' centres lie a part of a row and of a column further."""
    moved = scan.with_detector_shift(columns=column * scan.column_spacing, rows=row * scan.row_spacing)
    if scan.beam == "fan":
        return replace(moved, source=scan.source + row * scan.row_step)
    return moved


def _check_supersampling(supersampling: int) -> None:
    if supersampling < 1:
        raise InputError("supersampling counts the points along an edge", expected="1 or more", got=supersampling)
