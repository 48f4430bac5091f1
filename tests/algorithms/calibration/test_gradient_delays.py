"""RING finds the delays that were put in, and those of a scanner."""

import numpy as np
import pytest

import radial_spokes
from scanmill.algorithms.calibration import gradient_delays
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.phantoms import shepp_logan_2d
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace

GRID = VolumeGeometry.centered((1, 96, 96), (2.6, 2.6, 5.0))
DELAYS = np.array([[0.6, 0.1], [0.1, -0.4]])
OBJECT = shepp_logan_2d(unit=1.0).moved((11.0, -7.0, 0.0))


def scan(told, *, sigma=0.0, n_coils=6, delays=DELAYS, seed=0):
    noise = sigma**2 * np.eye(n_coils) if sigma else None
    return acquire_kspace(OBJECT, GRID, CoilArray.loops(n_coils), trajectory=told, true_trajectory=told.delayed(delays),
                          noise_covariance=noise, seed=seed).array[0, 0]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "sigma", "tolerance"),
    [
        (Trajectory.radial(29, 192, matrix=96, is_full_circle=True), 0.0, 0.01),
        (Trajectory.golden_angle(40, 192, matrix=96), 0.05, 0.01),
        (Trajectory.golden_angle(13, 96, matrix=96, is_symmetric=True), 0.05, 0.02),
        (Trajectory.golden_angle(5, 192, matrix=96), 0.02, 0.05),
    ],
)
def test_delays_that_were_put_in_are_found(told, sigma, tolerance):
    found = gradient_delays(scan(told, sigma=sigma), told.points[0, 0])
    np.testing.assert_allclose(found, DELAYS, atol=tolerance)
    assert found[0, 1] == found[1, 0]


def test_phases_from_spoke_to_spoke_do_no_harm():
    told = Trajectory.golden_angle(21, 192, matrix=96)
    phases = np.exp(1j * np.random.default_rng(1).uniform(-1, 1, 21))
    found = gradient_delays(scan(told, sigma=0.02) * phases[:, None], told.points[0, 0])
    np.testing.assert_allclose(found, DELAYS, atol=0.02)


def test_honest_spokes_have_no_delays():
    told = Trajectory.golden_angle(21, 192, matrix=96)
    np.testing.assert_allclose(gradient_delays(scan(told, delays=[0.0, 0.0]), told.points[0, 0]), 0, atol=0.005)


@pytest.fixture(scope="module")
def spokes(data_folder):
    """Measured spokes (coil, shot, sample), and the points (shot, sample, 2) where they were meant to lie."""
    return radial_spokes.spokes(data_folder)[0], radial_spokes.points()


def test_the_delays_of_a_scanner_are_those_its_users_found(spokes):
    found = gradient_delays(*spokes)
    np.testing.assert_allclose(found, radial_spokes.DELAYS, atol=0.03)
    np.testing.assert_allclose(gradient_delays(*spokes, reach=4.0), found, atol=0.01)


def test_the_delays_of_a_scanner_are_those_of_bart(spokes, bart):
    samples, _ = spokes
    np.testing.assert_allclose(gradient_delays(*spokes), radial_spokes.delays_of_bart(bart, samples[None]), atol=0.04)


def test_what_has_no_delays_is_refused():
    told = Trajectory.golden_angle(9, 64, matrix=96)
    samples, points = scan(told), told.points[0, 0]
    with pytest.raises(InputError, match="one coil"):
        gradient_delays(samples[:1], points)
    with pytest.raises(InputError, match="need spokes"):
        gradient_delays(samples[:, :2], points[:2])
    with pytest.raises(InputError, match="finite"):
        gradient_delays(samples * np.nan, points)
    with pytest.raises(InputError, match="no length"):
        gradient_delays(samples, 0 * points)
    with pytest.raises(InputError, match="straight spokes"):
        gradient_delays(samples, points + np.array([4.0, 0.0]))
    spiral = Trajectory.spiral(9, 64, matrix=96).points[0, 0]
    with pytest.raises(InputError, match="straight spokes"):
        gradient_delays(samples, spiral)
    with pytest.raises(InputError, match="do not meet"):
        gradient_delays(samples, np.stack([points[0]] * 9))
