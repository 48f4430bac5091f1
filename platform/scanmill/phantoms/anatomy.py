"""A chest-like and a head-like object: the contrasts of patients, made of a few dozen ellipsoids.

Not anatomy, but what tests need of it: lungs with nodules, bone around soft tissue, dense bone that casts streaks.
Values are multiples of water; LPS mm, so +x is the patient's left, +y the back, +z the head.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from scanmill.phantoms.ellipsoid import Ellipsoid, about_z
from scanmill.phantoms.phantom import Phantom

WATER_PER_MM = 0.02
"""The attenuation of water near 65 keV, in 1/mm."""

Row = tuple[float, tuple[float, float, float], tuple[float, float, float], float]

# added value in waters, center, semi-axes, angle about z in degrees
CHEST: tuple[Row, ...] = (
    (0.92, (0, 0, 0), (175, 115, 220), 0),  # skin and fat
    (0.10, (0, 0, 0), (165, 104, 215), 0),  # muscle
    (-0.76, (-75, -5, 10), (58, 80, 110), 0),  # right lung
    (-0.76, (78, 0, 10), (52, 78, 105), 0),  # left lung
    (0.77, (64, -30, -10), (28, 30, 40), 0),  # heart, in the left lung
    (0.05, (12, 25, 0), (10, 10, 200), 0),  # aorta
    (-1.00, (0, -10, 70), (8, 8, 60), 0),  # trachea
    (0.60, (0, 62, 0), (18, 15, 210), 0),  # vertebral bodies
    (0.60, (0, 84, 0), (14, 12, 210), 0),  # vertebral arch
    (-0.60, (0, 84, 0), (8, 7, 209), 0),  # spinal canal
    (0.60, (0, -95, 0), (18, 6, 90), 0),  # sternum
    (0.76, (-90, -20, 0), (6, 6, 6), 0),  # nodules: 12, 8, 6 and 4 mm
    (0.76, (95, 40, -10), (4, 4, 4), 0),
    (0.76, (-60, 30, 10), (3, 3, 3), 0),
    (0.76, (-105, 15, -5), (2, 2, 2), 0),
    (0.20, (-85, 40, 5), (12, 9, 10), 30),  # ground glass
)

HEAD: tuple[Row, ...] = (
    (1.00, (0, 0, 0), (76, 96, 100), 0),  # scalp
    (0.90, (0, 0, 0), (72, 92, 96), 0),  # skull
    (-0.86, (0, 0, 0), (66, 86, 90), 0),  # brain
    (-0.03, (-13, -10, 12), (6, 27, 14), -14),  # lateral ventricles
    (-0.03, (13, -10, 12), (6, 27, 14), 14),
    (-0.03, (0, 22, 0), (2.5, 9, 8), 0),  # third ventricle
    (0.01, (-26, 0, 2), (8, 15, 10), 12),  # deep nuclei
    (0.01, (26, 0, 2), (8, 15, 10), -12),
    (0.90, (-38, 15, -45), (20, 8, 8), 35),  # petrous bones
    (0.90, (38, 15, -45), (20, 8, 8), -35),
    (-1.00, (0, -72, -35), (12, 7, 10), 0),  # sinus
    (0.03, (38, 32, 20), (10, 7, 8), 20),  # bleeding
    (0.015, (-32, -42, 22), (6, 6, 6), 0),  # tumour
    (-0.012, (-42, 30, 10), (12, 9, 9), 0),  # infarct
    (0.50, (0, 38, 8), (2, 2, 2), 0),  # calcification
)


def chest(*, water: float = WATER_PER_MM) -> Phantom:
    """A chest: lungs (0.26 waters), a heart, spine, sternum, ribs, and nodules of 12 to 4 mm near z = 0.

    >>> chest().values([[-75.0, -5.0, 10.0], [0.0, -10.0, 70.0]]).round(4).tolist()
    [0.0052, 0.0004]
    """
    return Phantom((*_ellipsoids(CHEST, water), *_ribs(water)))


def head(*, water: float = WATER_PER_MM) -> Phantom:
    """A head: skull, ventricles, petrous bones (streaks at z = −45), and lesions of 0.012 to 0.03 waters (12-30 HU)."""
    return Phantom(tuple(_ellipsoids(HEAD, water)))


def _ellipsoids(rows: tuple[Row, ...], water: float) -> Iterator[Ellipsoid]:
    return (Ellipsoid(center, axes, value * water, about_z(angle)) for value, center, axes, angle in rows)


def _ribs(water: float) -> Iterator[Ellipsoid]:
    """Short pieces of bone along the chest wall, five ribs of eight pieces, falling towards the front."""
    for level in (-60, -30, 0, 30, 60):
        for azimuth in (20, 55, 125, 160, 200, 235, 305, 340):
            a = math.radians(azimuth)
            tangent = math.degrees(math.atan2(97 * math.cos(a), -153 * math.sin(a)))
            center = (153 * math.cos(a), 97 * math.sin(a), level + 20 * math.sin(a))
            yield Ellipsoid(center, (16.0, 4.0, 8.0), 0.6 * water, about_z(tangent))
