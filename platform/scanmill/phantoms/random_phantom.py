"""Seeded random objects, for tests that should not know what they see."""

from __future__ import annotations

import math

import numpy as np

from scanmill.arrays import HostArray
from scanmill.phantoms.anatomy import WATER_PER_MM
from scanmill.phantoms.ellipsoid import Ellipsoid, Rotation, about_z
from scanmill.phantoms.phantom import Phantom


def random_phantom(
    seed: int,
    *,
    radius_mm: float = 100.0,
    n_ellipsoids: int = 8,
    flat: bool = False,
    water: float = WATER_PER_MM,
) -> Phantom:
    """A body of water with ``n_ellipsoids`` of random place, size, rotation and value inside; same seed, same object.

    Everything lies within ``radius_mm`` of the isocentre and no value is negative. ``flat`` makes elliptic cylinders
    along z, the two-dimensional case.

    >>> random_phantom(7) == random_phantom(7), random_phantom(7) == random_phantom(8)
    (True, False)
    """
    rng = np.random.default_rng(seed)
    body = radius_mm * rng.uniform(0.75, 1.0, size=3)
    inner = [_inner(rng, 0.9 * float(body.min()), n_ellipsoids, flat, water) for _ in range(n_ellipsoids)]
    return Phantom((Ellipsoid((0.0, 0.0, 0.0), _axes(body, flat), water), *inner))


def _inner(rng: np.random.Generator, room_mm: float, n: int, flat: bool, water: float) -> Ellipsoid:
    axes = room_mm * rng.uniform(0.05, 0.35, size=3)
    towards = rng.normal(size=3) * (1, 1, not flat)
    center = towards / np.linalg.norm(towards) * rng.uniform(0, room_mm - float(axes.max()))
    value = water * rng.uniform(-1.0 / n, 1.0)
    rotation = about_z(rng.uniform(0, 180)) if flat else random_rotation(rng)
    return Ellipsoid(tuple(map(float, center)), _axes(axes, flat), float(value), rotation)  # type: ignore[arg-type]


def _axes(axes: HostArray, flat: bool) -> tuple[float, float, float]:
    a, b, c = map(float, axes)
    return a, b, math.inf if flat else c


def random_rotation(rng: np.random.Generator) -> Rotation:
    """Uniform over all rotations: the unit quaternion of a normal vector (Marsaglia 1972).

    >>> np.linalg.det(random_rotation(np.random.default_rng(0))).round(12)
    np.float64(1.0)
    """
    quaternion = rng.normal(size=4)
    w, x, y, z = (float(q) for q in quaternion / np.linalg.norm(quaternion))
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
