"""The head of Shepp and Logan, in two and three dimensions, with the contrast that one can see.

Geometry in 2D: L. A. Shepp, B. F. Logan, "The Fourier reconstruction of a head section", IEEE Trans. Nucl. Sci. 21
(1974) 21-43. In 3D: A. C. Kak, M. Slaney, "Principles of Computerized Tomographic Imaging", 1988, table 3.1 (p. 102).
Values in 2D: P. Toft, "The Radon Transform", thesis, DTU 1996 ("modified Shepp-Logan"); in 3D the same idea as in
H. Yu, Y. Ye, G. Wang, Proc. SPIE 5535 (2004) 550-557.
The tables' y axis points up (to the face); LPS y points to the back, so y and the angles change sign here and an
image with row 0 on top looks as in the books.
"""

from __future__ import annotations

import math

from scanmill.phantoms.ellipsoid import Ellipsoid, about_z
from scanmill.phantoms.phantom import Phantom

UNIT_PER_MM = 0.1
"""1/mm that stand for the tables' value 1 (the skull): the brain (0.2) is then water, 0.02/mm."""

# value, semi-axes a and b, center x and y, angle in degrees
ELLIPSES = (
    (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
)

# value, semi-axes a, b, c, center x, y, z, angle about z in degrees
ELLIPSOIDS = (
    (1.0, 0.69, 0.92, 0.9, 0.0, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.88, 0.0, 0.0, 0.0, 0.0),
    (-0.2, 0.41, 0.16, 0.21, -0.22, 0.0, -0.25, 108.0),
    (-0.2, 0.31, 0.11, 0.22, 0.22, 0.0, -0.25, 72.0),
    (0.2, 0.21, 0.25, 0.5, 0.0, 0.35, -0.25, 0.0),
    (0.2, 0.046, 0.046, 0.046, 0.0, 0.1, -0.25, 0.0),
    (0.1, 0.046, 0.023, 0.02, -0.08, -0.65, -0.25, 0.0),
    (0.1, 0.046, 0.023, 0.02, 0.06, -0.65, -0.25, 90.0),
    (0.2, 0.056, 0.04, 0.1, 0.06, -0.105, 0.625, 90.0),
    (-0.2, 0.056, 0.056, 0.1, 0.0, 0.1, 0.625, 0.0),
)


def shepp_logan_2d(radius_mm: float = 100.0, *, unit: float = UNIT_PER_MM) -> Phantom:
    """The section as elliptic cylinders, endless along z: exact for any plane and for tilted rays alike.

    ``radius_mm`` is the table's length 1, half the side of the usual square picture.

    >>> len(shepp_logan_2d().ellipsoids)
    10
    """
    return Phantom(
        tuple(
            Ellipsoid(
                (radius_mm * x, -radius_mm * y, 0.0),
                (radius_mm * a, radius_mm * b, math.inf),
                unit * value,
                about_z(-angle),
            )
            for value, a, b, x, y, angle in ELLIPSES
        )
    )


def shepp_logan_3d(radius_mm: float = 100.0, *, unit: float = UNIT_PER_MM) -> Phantom:
    """The head in three dimensions; ``radius_mm`` is the table's length 1. The details lie near z = −0.25 and 0.625."""
    return Phantom(
        tuple(
            Ellipsoid(
                (radius_mm * x, -radius_mm * y, radius_mm * z),
                (radius_mm * a, radius_mm * b, radius_mm * c),
                unit * value,
                about_z(-angle),
            )
            for value, a, b, c, x, y, z, angle in ELLIPSOIDS
        )
    )
