"""Helical scans of a water cylinder with inserts of 20 mm, for tests."""

import numpy as np

from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.phantoms import Ellipsoid, Phantom

WATER = 0.02
FOCUS, DETECTOR = 500.0, 1000.0
ROW_MM, COLUMN_MM = 2.4, 3.0
INSERTS = {
    "soft": ((35, 0, 0), 100),
    "fat": ((0, 35, 0), -100),
    "bone": ((-35, 0, 0), 500),
    "air": ((0, -35, 0), -1000),
}
GRID = VolumeGeometry.centered((9, 72, 72), (1.7, 1.7, 1.5))


def inserts(length=np.inf):
    """Balls of 20 mm in a cylinder of 120 mm, ``length`` mm to each side; values in 1/mm."""
    body = Ellipsoid((0, 0, 0), (60, 60, length), WATER)
    balls = (Ellipsoid(center, (10, 10, 10), WATER * hu / 1000) for center, hu in INSERTS.values())
    return Phantom((body, *balls))


def helix(pitch=1.0, n_rows=16, n_views=240, spot="", shape="cylindrical", half_length=7.0, n_columns=112, back=False):
    """A helix that sees z = 0 ± ``half_length``; ``spot`` names the directions in which the focus flies."""
    feed = pitch * n_rows * ROW_MM * FOCUS / DETECTOR
    n = int((2 * half_length / feed + 2.4) * n_views)
    turn = np.arange(n) - (n - 1) / 2
    scan = ScanGeometry.helical(
        turn * 2 * np.pi / n_views * (-1 if back else 1), turn * feed / n_views, n_columns, COLUMN_MM, n_rows=n_rows,
        row_spacing=ROW_MM, source_to_isocenter=FOCUS, source_to_detector=DETECTOR, detector_shape=shape,
    )  # fmt: skip
    return flying(scan, spot) if spot else scan


def flying(scan, spot):
    """The focus steps so that columns (x) and rows (z) interleave at the axis; along z it also changes its radius."""
    k = np.arange(scan.n_views)
    fast, slow = np.where(k % 2, 0.5, -0.5), np.where(k // 2 % 2, 0.5, -0.5)
    beyond = DETECTOR - FOCUS
    along_z = fast if spot == "z" else slow
    return scan.with_focal_spot(
        angular=fast * COLUMN_MM / 2 / beyond if "x" in spot else 0.0,
        axial=along_z * ROW_MM / 2 * FOCUS / beyond if "z" in spot else 0.0,
        radial=along_z * 5.0 if "z" in spot else 0.0,
    )


def hu_errors(image, grid=GRID):
    """Mean minus truth in HU within 6 mm of each insert's centre, and in the water between them."""
    points = grid.voxel_points()
    spheres = {**INSERTS, "water": ((0, 0, 0), 0)}
    means = {n: image[np.linalg.norm(points - center, axis=-1) < 6].mean() for n, (center, _) in spheres.items()}
    return {name: float(1000 * (mean - WATER) / WATER - spheres[name][1]) for name, mean in means.items()}
