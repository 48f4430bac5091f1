from dataclasses import replace

import numpy as np
import pytest

from scanmill.algorithms.reconstruction.circle import circle_of
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry

ANGLES = np.linspace(0, 6, 7)
CONE = ScanGeometry.cone(
    ANGLES, 9, 2.0, n_rows=5, row_spacing=3.0, source_to_isocenter=100.0, source_to_detector=250.0, axis_column=3.0
)
FAN = ScanGeometry.fan(ANGLES, 9, 2.0, source_to_isocenter=100.0, source_to_detector=250.0)
PARALLEL = ScanGeometry.parallel(ANGLES, 9, 2.0, axis_column=4.5)


def test_the_circle_of_the_named_constructors():
    circle = circle_of(CONE)
    assert (circle.distance, circle.spacing) == (pytest.approx(100.0), pytest.approx(0.8))
    np.testing.assert_allclose(circle.t[3], 0.8 * (np.arange(9) - 3))
    np.testing.assert_allclose(circle.z[3], 1.2 * (np.arange(5) - 2))
    np.testing.assert_allclose(circle_of(PARALLEL).t[2], 2.0 * (np.arange(9) - 4.5))
    assert circle_of(PARALLEL).gamma.tolist() == np.zeros((7, 9)).tolist()


def test_t_is_where_the_rays_pass_the_axis():
    for scan in (CONE, FAN, PARALLEL):
        circle = circle_of(scan)
        origin, direction = scan.rays(4)
        normal = (
            np.stack([direction[..., 1], -direction[..., 0]], axis=-1)
            / np.linalg.norm(direction[..., :2], axis=-1)[..., None]
        )
        passing = (origin[..., :2] * normal).sum(-1)[scan.n_rows // 2]
        expected = circle.t[4] if scan.beam == "parallel" else circle.distance * np.sin(circle.gamma[4])
        np.testing.assert_allclose(passing, expected, atol=1e-9)


def bent(scan, **changes):
    return replace(scan, **{name: getattr(scan, name) + change for name, change in changes.items()})


HELIX = np.linspace(0, 30, 7)[:, None] * [0.0, 0.0, 1.0]
CROOKED = {
    "helix": bent(CONE, source=HELIX, detector=HELIX),
    "wandering source": bent(FAN, source=CONE.source * np.linspace(0, 0.1, 7)[:, None]),
    "another centre": bent(FAN, source=np.array([[5.0, 0, 0]]), detector=np.array([[5.0, 0, 0]])),
    "tilted detector": bent(CONE, row_step=np.array([[0.5, 0, 0]])),
    "sloping columns": bent(FAN, column_step=np.array([[0, 0, 0.5]])),
    "growing columns": bent(FAN, column_step=FAN.column_step * np.linspace(0, 0.1, 7)[:, None]),
    "laminography": bent(PARALLEL, source=np.array([[0, 0, 0.5]])),
    "sloping fan": bent(FAN, source=np.array([[0, 0, 5.0]])),
    "detector before the axis": bent(FAN, detector=-1.7 * FAN.detector),
}


@pytest.mark.parametrize("name", CROOKED)
def test_what_is_no_circle_is_refused(name):
    with pytest.raises(InputError):
        circle_of(CROOKED[name])


def test_a_circle_at_another_height_and_parallel_views_shifted_one_by_one_are_taken():
    lifted = bent(CONE, source=np.array([[0, 0, 40.0]]), detector=np.array([[0, 0, 40.0]]))
    np.testing.assert_allclose(circle_of(lifted).z, circle_of(CONE).z)
    jitter = np.linspace(-1, 1, 7)[:, None] * PARALLEL.column_step
    shaken = bent(PARALLEL, source=jitter, detector=jitter)
    np.testing.assert_allclose(circle_of(shaken).t[:, 0], -9.0 + 2 * np.linspace(-1, 1, 7))
