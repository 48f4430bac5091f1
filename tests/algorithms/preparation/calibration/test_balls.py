"""A detector that stands wrong: found from exact shadows of balls, with and without noise."""

from dataclasses import replace

import numpy as np
import pytest

from scanmill.algorithms.preparation.calibration import Misalignment, calibrate, find_balls, misaligned, project_points
from scanmill.data import Projections
from scanmill.errors import ConvergenceError, InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Ellipsoid, Phantom

ANGLES = np.arange(40) * 2 * np.pi / 40
PIXEL = 0.8
BELIEVED = ScanGeometry.cone(
    ANGLES, 192, PIXEL, n_rows=160, row_spacing=PIXEL, source_to_isocenter=500.0, source_to_detector=800.0
)
BALLS = [
    (30.0 * np.cos(a), 30.0 * np.sin(a), z) for a, z in zip(np.arange(5) * 2.2, (-30, -14, 1, 15, 31), strict=True)
]
PHANTOM = Phantom(tuple(Ellipsoid(place, (1.6, 1.6, 1.6), 0.5) for place in BALLS))


def true_scan(columns=0.0, rows=0.0, in_plane_deg=0.0):
    """A scanner built by hand: shifts in pixels along the ideal axes, then a turn of the detector in its plane."""
    a = np.deg2rad(in_plane_deg)
    steps_u, steps_v, middle = [], [], []
    for b in ANGLES:
        along, u, v = np.array([-np.sin(b), np.cos(b), 0]), np.array([np.cos(b), np.sin(b), 0]), np.array([0, 0, 1.0])
        middle.append(300.0 * along + PIXEL * (columns * u + rows * v))
        steps_u.append(PIXEL * (np.cos(a) * u + np.sin(a) * v))
        steps_v.append(PIXEL * (np.cos(a) * v - np.sin(a) * u))
    source = [(500 * np.sin(b), -500 * np.cos(b), 0.0) for b in ANGLES]
    return replace(BELIEVED, source=source, detector=middle, column_step=steps_u, row_step=steps_v)


def scanned(scan, noise=0.0, believed=BELIEVED):
    exact = PHANTOM.line_integrals(scan, supersampling=2)
    noisy = exact + np.random.default_rng(1).normal(0, noise, exact.shape) if noise else exact
    return Projections(noisy.astype(np.float32), believed)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_detector_that_stands_wrong_is_found(noise):
    truth = {"columns": 3.7, "rows": -2.2, "in_plane_deg": 0.8}
    seen = scanned(true_scan(**truth), noise)
    found = calibrate(find_balls(seen), BELIEVED)
    assert found.misalignment.columns / PIXEL == pytest.approx(3.7, abs=0.05)
    assert found.misalignment.rows / PIXEL == pytest.approx(-2.2, abs=0.05)
    assert np.rad2deg(found.misalignment.in_plane) == pytest.approx(0.8, abs=0.02)
    assert found.rms_px < 0.1
    assert found.geometry.is_close(true_scan(**truth), tolerance_mm=0.05 * PIXEL * 2)
    np.testing.assert_allclose(found.balls, BALLS, atol=0.1)


def test_the_sigma_is_that_of_many_noises():
    scan = misaligned(BELIEVED, Misalignment(columns=1.0, rows=1.0, in_plane=0.01))
    tracks = find_balls(scanned(scan))
    rows, columns = project_points(scan, np.array(BALLS))
    rng, answers, sigmas = np.random.default_rng(2), [], []
    for _ in range(20):
        shaken = replace(
            tracks, rows=rows + rng.normal(0, 0.1, rows.shape), columns=columns + rng.normal(0, 0.1, rows.shape)
        )
        found = calibrate(shaken, BELIEVED)
        answers.append(found.misalignment.in_plane)
        sigmas.append(found.sigma["in_plane"])
    assert np.std(answers) == pytest.approx(np.mean(sigmas), rel=0.4)
    assert np.mean(answers) == pytest.approx(0.01, abs=3 * np.mean(sigmas) / np.sqrt(20))


def test_tilt_and_distance_are_found_when_asked_for():
    truth = Misalignment(columns=-1.0, rows=2.0, in_plane=-0.01, tilt=0.03, slant=-0.02, distance=12.0)
    rows, columns = project_points(misaligned(BELIEVED, truth), np.array(BALLS))
    tracks = replace(find_balls(scanned(BELIEVED)), rows=rows, columns=columns)
    names = ("columns", "rows", "in_plane", "tilt", "slant", "distance")
    found = calibrate(tracks, BELIEVED, freedoms=names).misalignment
    for name in names:
        assert getattr(found, name) == pytest.approx(getattr(truth, name), abs=1e-5)


def test_points_fall_where_their_rays_end():
    """A ray through a pixel's centre, taken half way, is projected back to that pixel."""
    scan = misaligned(BELIEVED, Misalignment(3.0, -2.0, 0.1, 0.2, -0.15, 20.0))
    for row, column in ((0, 0), (159, 10), (80, 191)):
        pixel = scan.pixels(7)[row, column]
        rows, columns = project_points(scan.views([7]), (0.4 * pixel + 0.6 * scan.source[7])[None])
        assert (rows[0, 0], columns[0, 0]) == pytest.approx((row, column), abs=1e-9)


def test_centroids_are_the_projected_middles():
    tracks = find_balls(scanned(BELIEVED))
    assert tracks.rows.shape == (40, 5)
    rows, columns = project_points(BELIEVED, np.array(BALLS))
    assert np.abs(tracks.rows - rows).max() < 0.03
    assert np.abs(tracks.columns - columns).max() < 0.03


def test_a_ball_that_leaves_the_field_costs_views():
    narrow = replace(BELIEVED, n_columns=132)
    seen = Projections(PHANTOM.line_integrals(narrow).astype(np.float32), narrow)
    tracks = find_balls(seen, n_balls=5)
    assert 8 <= len(tracks.views) < 40
    assert calibrate(tracks, narrow).misalignment.columns == pytest.approx(0, abs=0.04)
    tiny = replace(BELIEVED, n_columns=60)
    with pytest.raises(InputError, match="too few views"):
        find_balls(Projections(PHANTOM.line_integrals(tiny).astype(np.float32), tiny), n_balls=5)


def test_bad_phantoms_are_refused():
    nothing = Projections(np.zeros(BELIEVED.shape, np.float32), BELIEVED)
    with pytest.raises(InputError, match="too few views"):
        find_balls(nothing)
    with pytest.raises(InputError, match="logarithm"):
        find_balls(replace(nothing, quantity="counts"))
    level = Phantom(tuple(replace(e, center=(*e.center[:2], 0.0)) for e in PHANTOM.ellipsoids))
    with pytest.raises(InputError, match=r"order|too few"):
        find_balls(Projections(level.line_integrals(BELIEVED).astype(np.float32), BELIEVED))
    tracks = find_balls(scanned(BELIEVED))
    fan = ScanGeometry.fan(ANGLES, 192, PIXEL, source_to_isocenter=500.0, source_to_detector=800.0)
    with pytest.raises(InputError, match="cone"):
        calibrate(tracks, fan)
    with pytest.raises(ConvergenceError, match="fit no geometry"):
        calibrate(replace(tracks, rows=tracks.rows[::-1]), BELIEVED)
    axis = replace(
        tracks, **dict(zip(("rows", "columns"), project_points(BELIEVED, np.array([[0.0, 0, 0]])), strict=True))
    )
    with pytest.raises(InputError, match="determine"):
        calibrate(axis, BELIEVED)
