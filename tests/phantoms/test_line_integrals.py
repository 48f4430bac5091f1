"""Exact line integrals against closed forms, brute integration of the object itself, and conservation of mass."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Ellipsoid, Phantom, about_z, chest, head, random_phantom, shepp_logan_2d, shepp_logan_3d

DISTANCES = {"source_to_isocenter": 500.0, "source_to_detector": 900.0}


def scans():
    angles = np.linspace(0, 2 * np.pi, 5, endpoint=False) + 0.1
    return {
        "parallel": ScanGeometry.parallel(angles, 21, 9.0, n_rows=4, row_spacing=12.0, axis_column=9.3),
        "fan": ScanGeometry.fan(angles, 21, 18.0, n_rows=3, row_spacing=12.0, **DISTANCES),
        "cone": ScanGeometry.cone(angles, 21, 18.0, n_rows=4, row_spacing=21.0, axis_row=1.1, **DISTANCES),
    }


@pytest.mark.parametrize("beam", ["parallel", "fan", "cone"])
def test_ball_is_two_root_r2_minus_d2(beam):
    scan, center, radius = scans()[beam], np.array([12.0, -7.0, 5.0]), 40.0
    ball = Phantom((Ellipsoid(tuple(center), (radius,) * 3, 0.03),))
    integrals = ball.line_integrals(scan)
    for view in range(scan.n_views):
        origin, direction = scan.rays(view)
        distance = np.linalg.norm(np.cross(origin - center, direction), axis=-1)
        expected = 0.03 * 2 * np.sqrt(np.maximum(radius**2 - distance**2, 0))
        np.testing.assert_allclose(integrals[view], expected, atol=1e-9)
    assert integrals.max() > 0.03 * 1.9 * radius


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), beam=st.sampled_from(["parallel", "fan", "cone"]))
def test_rotated_ellipsoids_agree_with_brute_integration(seed, beam):
    """The sum over many steps along each ray of the object's own values; every surface costs at most one step."""
    phantom, scan = random_phantom(seed, n_ellipsoids=4), scans()[beam]
    rng = np.random.default_rng(seed)
    view = int(rng.integers(scan.n_views))
    origin, direction = scan.rays(view)
    rays = rng.integers(0, [scan.n_rows, scan.n_columns], size=(3, 2))
    exact = phantom.line_integrals(scan.views([view]))[0]
    for row, column in rays:
        start, along = origin[row, column], direction[row, column]
        step = 0.02
        nearest = -start @ along
        t = nearest + np.arange(-110, 110, step) + step / 2
        brute = phantom.values(start + t[:, None] * along).sum() * step
        allowed = step * sum(abs(e.value) for e in phantom.ellipsoids) + 1e-12
        assert abs(exact[row, column] - brute) <= allowed


def test_parallel_projection_keeps_the_area():
    ellipse = Ellipsoid((3.0, -8.0, 0.0), (30.0, 12.0, math.inf), 0.05, about_z(25.0))
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, 7), n_columns=4001, column_spacing=0.025)
    mass = Phantom((ellipse,)).line_integrals(scan).sum(axis=(1, 2)) * 0.025
    np.testing.assert_allclose(mass, 0.05 * np.pi * 30 * 12, rtol=2e-5)


def test_parallel_projection_keeps_the_volume():
    body = random_phantom(5, n_ellipsoids=3)
    scan = ScanGeometry.parallel([0.3, 2.0], n_columns=420, column_spacing=0.5, n_rows=420, row_spacing=0.5)
    mass = body.line_integrals(scan).sum(axis=(1, 2)) * 0.25
    np.testing.assert_allclose(mass, sum(e.value * e.volume for e in body.ellipsoids), rtol=1e-4)


def test_the_same_line_is_the_same_from_both_sides():
    phantom = shepp_logan_3d()
    scan = ScanGeometry.parallel([0.4, 0.4 + np.pi], n_columns=33, column_spacing=6.0, n_rows=9, row_spacing=20.0)
    there, back = phantom.line_integrals(scan)
    np.testing.assert_allclose(there, back[:, ::-1], atol=1e-12)


@pytest.mark.parametrize("beam", ["parallel", "fan", "cone"])
def test_supersampling_is_the_mean_of_the_rays_of_a_finer_detector(beam):
    far = {} if beam == "parallel" else DISTANCES
    make, n = getattr(ScanGeometry, beam), 3
    coarse = make([0.2, 1.9], 21, 12.0, n_rows=4, row_spacing=15.0, axis_column=9.3, axis_row=1.2, **far)
    axis = {"axis_column": 9.3 * n + (n - 1) / 2, "axis_row": 1.2 * n + (n - 1) / 2}
    fine = make([0.2, 1.9], 21 * n, 12.0 / n, n_rows=4 * n, row_spacing=15.0 / n, **axis, **far)
    mean = head().line_integrals(fine).reshape(2, 4, n, 21, n).mean(axis=(2, 4))
    np.testing.assert_allclose(head().line_integrals(coarse, supersampling=n), mean, atol=1e-12)
    with pytest.raises(InputError, match="supersampling"):
        head().line_integrals(coarse, supersampling=0)


def test_a_cylinder_is_the_limit_of_a_long_ellipsoid():
    scan = scans()["cone"]
    endless = Phantom((Ellipsoid((5.0, 4.0, 0.0), (30.0, 20.0, math.inf), 0.02, about_z(30.0)),))
    long = Phantom((Ellipsoid((5.0, 4.0, 0.0), (30.0, 20.0, 1e7), 0.02, about_z(30.0)),))
    np.testing.assert_allclose(endless.line_integrals(scan), long.line_integrals(scan), atol=1e-9)


def test_a_ray_along_an_endless_cylinder_is_refused():
    cylinder = Ellipsoid((0.0, 0.0, 0.0), (1.0, 1.0, math.inf), 1.0)
    up = np.array([[0.0, 0.0, 1.0]])
    with pytest.raises(InputError, match="endless"):
        cylinder.chords(np.zeros((1, 3)), up)
    assert cylinder.chords(np.array([[5.0, 0.0, 0.0]]), up) == 0


def test_scaling_and_moving():
    phantom, scan = chest(), scans()["parallel"]
    wide = ScanGeometry.parallel(scan.angles, 21, 18.0, n_rows=4, row_spacing=24.0, axis_column=9.3)
    twice = phantom.scaled(size=2.0, value=0.5).line_integrals(wide)
    np.testing.assert_allclose(twice, phantom.line_integrals(scan), atol=1e-12)
    along_rays = Phantom(phantom.ellipsoids[:4]).moved((0.0, 31.0, 0.0))
    one = ScanGeometry.parallel([0.0], 21, 9.0)
    np.testing.assert_allclose(
        along_rays.line_integrals(one), Phantom(phantom.ellipsoids[:4]).line_integrals(one), atol=1e-12
    )


@pytest.mark.parametrize("phantom", [shepp_logan_2d(), shepp_logan_3d(), chest(), head(), random_phantom(3)])
def test_no_named_phantom_has_negative_matter(phantom):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, size=(60_000, 3)) * (180, 120, 110)
    values = phantom.values(points)
    assert values.min() >= -1e-12
    assert values.max() < 0.101
    scan = ScanGeometry.parallel([0.0, np.pi / 2], n_columns=400, column_spacing=1.0)
    assert 2 < phantom.line_integrals(scan).max() < 12


def test_bad_ellipsoids_are_refused():
    with pytest.raises(InputError, match="semi-axes"):
        Ellipsoid((0.0, 0.0, 0.0), (1.0, 0.0, 1.0), 1.0)
    with pytest.raises(InputError, match="finite"):
        Ellipsoid((0.0, math.nan, 0.0), (1.0, 1.0, 1.0), 1.0)
    with pytest.raises(InputError, match="orthonormal"):
        Ellipsoid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 1.0, ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
