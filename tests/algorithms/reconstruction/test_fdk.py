import numpy as np
import pytest

from scanmill.algorithms.reconstruction import fbp, fdk
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.phantoms import Ellipsoid, Phantom

BALLS = Phantom(
    (
        Ellipsoid((0.0, 0.0, 0.0), (30.0, 30.0, 30.0), 0.02),
        Ellipsoid((14.0, 6.0, 0.0), (8.0, 8.0, 8.0), 0.01),
        Ellipsoid((-12.0, 8.0, 4.0), (6.0, 6.0, 6.0), -0.015),
    )
)
GRID = VolumeGeometry.centered((21, 72, 72), (1.0, 1.0, 1.0))
CIRCLE = {"source_to_isocenter": 200.0, "source_to_detector": 400.0, "n_rows": 65, "row_spacing": 1.0}


def cone(start, stop, step, **knobs):
    angles = np.deg2rad(np.arange(start + step / 2, stop, step))
    return ScanGeometry.cone(angles, knobs.pop("n_columns", 161), 0.9, **CIRCLE, **knobs)


SCANS = {
    "a turn": cone(0, 360, 2),
    "a short scan": cone(30, 242, 1),
    "the axis off the middle": cone(0, 360, 2, axis_column=77.2, axis_row=30.0),
    "half a detector": cone(0, 360, 1, n_columns=100, axis_column=16.0),
    "a cylinder, a turn": cone(0, 360, 2, detector_shape="cylindrical"),
    "a cylinder, a short scan": cone(30, 242, 1, detector_shape="cylindrical"),
    "a cylinder, the axis off the middle": cone(
        0, 360, 2, axis_column=77.2, axis_row=30.0, detector_shape="cylindrical"
    ),
    "half a cylinder": cone(0, 360, 1, n_columns=100, axis_column=16.0, detector_shape="cylindrical"),
}


@pytest.mark.parametrize("name", SCANS)
def test_the_values_of_balls_within_one_and_a_half_percent(name):
    image = fdk(BALLS.projections(SCANS[name]), GRID).array
    points = GRID.voxel_points()

    def mean(center, radius):
        return image[np.linalg.norm(points - center, axis=-1) < radius].mean()

    values = [mean((0, -10, 0), 5), mean((14, 6, 0), 5), mean((-12, 8, 4), 3.5)]
    np.testing.assert_allclose(values, [0.02, 0.03, 0.005], rtol=0.015, atol=1e-4)
    outside = image[10][np.abs(np.linalg.norm(points[10], axis=-1) - 32.5) < 1]
    assert np.abs(outside.mean()) < 2e-4


def test_in_the_midplane_it_is_the_fans():
    scan = SCANS["a short scan"]
    fans = ScanGeometry.fan(
        scan.angles, 161, 0.9, source_to_isocenter=200.0, source_to_detector=400.0, n_rows=1, row_spacing=1.0
    )
    grid = VolumeGeometry.centered((1, 72, 72), (1.0, 1.0, 1.0))
    data = BALLS.projections(scan)
    middle = Projections(data.array[:, 32:33], fans)
    np.testing.assert_allclose(fdk(data, grid).array, fbp(middle, grid).array, atol=2e-6)


def test_what_it_refuses():
    scan = SCANS["a turn"]
    fan = ScanGeometry.fan([0.0, 1.0, 2.0], 5, 1.0, source_to_isocenter=10.0, source_to_detector=20.0)
    with pytest.raises(InputError, match="cone"):
        fdk(Projections(np.zeros(fan.shape), fan), GRID)
    lift = np.linspace(0, 30, scan.n_views)[:, None] * [0.0, 0.0, 1.0]
    helix = ScanGeometry(
        "cone", scan.source + lift, scan.detector + lift, scan.column_step, scan.row_step, scan.n_rows, scan.n_columns
    )
    with pytest.raises(InputError, match="constant z"):
        fdk(Projections(np.zeros(helix.shape), helix), GRID)
