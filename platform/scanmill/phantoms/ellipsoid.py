"""One ellipsoid of uniform attenuation: the brick of every phantom."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry.grid import IDENTITY, ORTHONORMAL_TOLERANCE, Triple

Rotation = tuple[Triple, Triple, Triple]


def about_z(angle_deg: float) -> Rotation:
    """The rotation by an angle from x to y, for ``Ellipsoid.rotation``.

    >>> about_z(90.0)[1][0]
    1.0
    """
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return (c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Ellipsoid:
    """All points with |diag(1 / semi_axes) · rotationᵀ · (point − center)| ≤ 1; values of several add up.

    ``center`` and ``semi_axes`` in mm, points (x, y, z) in LPS; the columns of ``rotation`` are the directions of the
    three axes; ``value`` in 1/mm, negative for a hole in a larger one. A semi-axis may be infinite: an elliptic
    cylinder, which is what stands for an ellipse in two dimensions.

    >>> ball = Ellipsoid((0.0, 0.0, 0.0), (10.0, 10.0, 10.0), value=0.02)
    >>> ball.chords(np.array([[0.0, -99.0, 6.0]]), np.array([[0.0, 1.0, 0.0]])).round(9).tolist()
    [16.0]
    """

    center: Triple
    semi_axes: Triple
    value: float
    rotation: Rotation = IDENTITY

    def __post_init__(self) -> None:
        if not np.all(np.isfinite(self.center)) or not math.isfinite(self.value):
            raise InputError("an ellipsoid needs a finite center and value", got=(self.center, self.value))
        if not min(self.semi_axes) > 0:
            raise InputError("semi-axes must be positive", got=self.semi_axes)
        axes = np.asarray(self.rotation, dtype=np.float64).reshape(3, 3)
        if not np.allclose(axes @ axes.T, np.eye(3), atol=ORTHONORMAL_TOLERANCE):
            raise InputError("rotation is not orthonormal", got=axes.round(6).tolist())

    @property
    def to_unit_ball(self) -> HostArray:
        """The 3x3 matrix that maps ``point − center`` in mm into the unit ball."""
        matrix: HostArray = np.asarray(self.rotation).T / np.asarray(self.semi_axes)[:, None]
        return matrix

    @property
    def volume(self) -> float:
        """4/3 π abc in mm³, infinite for a cylinder."""
        return 4 / 3 * math.pi * math.prod(self.semi_axes)

    def contains(self, points: HostArray) -> HostArray:
        """Whether each of (..., 3) points in mm lies inside."""
        unit = (np.asarray(points, dtype=np.float64) - self.center) @ self.to_unit_ball.T
        return np.asarray((unit * unit).sum(axis=-1) <= 1.0)

    def chords(self, origin: HostArray, direction: HostArray) -> HostArray:
        """The length in mm that each straight line has inside: (..., 3) points and unit directions to (...).

        The line is endless: a source within the object sees both sides.
        Raises InputError for a line that stays for ever in a cylinder.
        """
        shape = np.broadcast_shapes(np.shape(origin), np.shape(direction))
        return self.chords_of_lines(*lines(np.broadcast_to(origin, shape), direction)).reshape(shape[:-1])

    def chords_of_lines(self, points: HostArray, directions: HostArray) -> HostArray:
        """The same for lines that :func:`lines` has laid out, (3, n) to (n).

        With u, v the line in the frame of the unit ball: the chord is 2 √(1 − |u|² + (u·v)² / |v|²) / |v|.
        """
        matrix = self.to_unit_ball
        u = matrix @ points - (matrix @ np.asarray(self.center))[:, None]
        v = matrix @ directions
        speed2, across2, along2 = _dot(v, v), _dot(u, u), _dot(u, v) ** 2
        endless = speed2 < 1e-30
        if endless.any():
            if (across2[endless] < 1).any():
                raise InputError("a ray runs along an endless cylinder", do="use a finite ellipsoid for such a scan")
            speed2 = np.where(endless, 1.0, speed2)
        return np.asarray(2 * np.sqrt(np.maximum(1.0 - across2 + along2 / speed2, 0) / speed2))

    def scaled(self, size: float = 1.0, value: float = 1.0) -> Ellipsoid:
        """All lengths (about the isocentre) times ``size``, the attenuation times ``value``."""
        center = tuple(size * c for c in self.center)
        semi_axes = tuple(size * a for a in self.semi_axes)
        return Ellipsoid(center, semi_axes, value * self.value, self.rotation)  # type: ignore[arg-type]

    def moved(self, offset_mm: Triple) -> Ellipsoid:
        """The same ellipsoid, its center shifted by ``offset_mm``."""
        center = tuple(c + d for c, d in zip(self.center, offset_mm, strict=True))
        return Ellipsoid(center, self.semi_axes, self.value, self.rotation)  # type: ignore[arg-type]


def lines(origin: HostArray, direction: HostArray) -> tuple[HostArray, HostArray]:
    """Lines laid out for :meth:`Ellipsoid.chords_of_lines`: (..., 3) points and unit directions to two (3, n) arrays.

    Each point is moved along its line to where it passes the isocentre, so that a far source costs no digits.
    """
    points, directions = (
        np.ascontiguousarray(np.broadcast_to(a, np.shape(origin)).reshape(-1, 3).T, dtype=np.float64)
        for a in (origin, direction)
    )
    return points - _dot(points, directions) * directions, directions


def _dot(a: HostArray, b: HostArray) -> HostArray:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
