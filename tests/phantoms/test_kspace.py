"""Scans of phantoms: place and scale on oblique grids, trajectories, frames, faults and noise."""

import math

import numpy as np
import pytest

from mr_scans import turned
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.operators.fourier import FourierOp
from scanmill.phantoms import Ellipsoid, Phantom, shepp_logan_2d
from scanmill.phantoms.coil_noise import random_covariance
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.dynamic import breathing, enhancing
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.phantoms.mr_signal import LinearField

COILS = CoilArray.loops(4, body_mm=80.0)
AXES = turned(20.0, -30.0, 40.0)
SPOT = (11.0, -8.0, 5.0)
BALLS = Phantom((Ellipsoid((2.0, 3.0, -1.0), (60.0, 55.0, 50.0), 1.0), Ellipsoid(SPOT, (9.0, 9.0, 9.0), 2.0)))
PLANE = VolumeGeometry.centered((1, 64, 64), (3.4, 3.4, 5.0))


def oblique(shape, spacing, middle=(6.0, -4.0, 7.0)):
    half = (np.array(shape[::-1]) - 1) / 2 * spacing
    return VolumeGeometry(shape, spacing, tuple(np.array(middle) - AXES @ half), tuple(map(tuple, AXES)))


def image_of(scan):
    """Coil images of the first frame on the scan's grid, (coil, z, y, x)."""
    image = FourierOp(scan.array.shape, dtype=np.complex128).H(scan.array)[0]
    return image[:, :, 0].swapaxes(0, 1) if image.shape[2] == 1 else image[0]


@pytest.mark.parametrize("encodes_z", [False, True])
def test_the_image_is_the_object_at_voxel_centres(encodes_z):
    geometry = oblique((36, 47, 50), (3.1, 3.0, 4.2))
    scan = acquire_kspace(BALLS, geometry, COILS, encodes_z=encodes_z)
    assert scan.matrix == ((36, 47, 50) if encodes_z else (1, 47, 50))
    points = geometry.voxel_points()
    expected = COILS.values(points) * BALLS.values(points)
    inner = Phantom(tuple(e.scaled() for e in BALLS.ellipsoids))
    smooth = np.ones(geometry.shape, bool)  # where no surface is near, there is little ringing
    for e in inner.ellipsoids:
        radius = np.linalg.norm((points - e.center) @ e.to_unit_ball.T, axis=-1)
        smooth &= abs(radius - 1) * min(e.semi_axes) > 5.0
    assert smooth[BALLS.values(points) == 1].any()
    error = abs(image_of(scan) - expected)[:, smooth]
    assert np.sqrt((error**2).mean()) < 0.03 * abs(expected).max()
    values = abs(image_of(scan)).sum(axis=0) / abs(COILS.values(points)).sum(axis=0)
    bright = points[values > 2.0]
    np.testing.assert_allclose(bright.mean(axis=0), SPOT, atol=0.5)


def test_a_trajectory_over_the_grid_is_the_grid():
    mask = np.random.default_rng(1).random((64, 64)) < 0.3
    on_grid = acquire_kspace(shepp_logan_2d(), PLANE, COILS, sampling_mask=mask[None, None, None])
    along = acquire_kspace(shepp_logan_2d(), PLANE, COILS, trajectory=Trajectory.cartesian(mask))
    assert not on_grid.array[..., ~mask].any()
    np.testing.assert_array_equal(on_grid.array[0, 0, :, 0][:, mask], along.array[0, 0, :, 0])
    assert on_grid.acceleration() == pytest.approx(mask.size / mask.sum())


def test_slices_differ_and_every_slice_has_its_own_phase():
    geometry = oblique((3, 24, 24), (6.0, 6.0, 20.0))
    whole = acquire_kspace(BALLS, geometry, COILS)
    for number in range(3):
        alone = acquire_kspace(BALLS, geometry.crop(slice(number, number + 1), slice(None), slice(None)), COILS)
        np.testing.assert_allclose(whole.array[:, number], alone.array[:, 0], atol=1e-5)


def test_late_gradients_move_samples_but_not_the_words():
    told = Trajectory.radial(11, 64, matrix=64)
    true = told.delayed([0.5, -0.3])
    scan = acquire_kspace(shepp_logan_2d(), PLANE, COILS, trajectory=told, true_trajectory=true)
    np.testing.assert_array_equal(scan.trajectory.points, told.points)
    honest = acquire_kspace(shepp_logan_2d(), PLANE, COILS, trajectory=true)
    np.testing.assert_array_equal(scan.array, honest.array)


def test_breathing_moves_a_kooshball_along_z():
    cube = VolumeGeometry.centered((16, 16, 16), (9.0, 9.0, 9.0))
    spokes = Trajectory.radial_3d(6, 16, matrix=16)
    shift = breathing(np.linspace(0, 4, 6))
    scan = acquire_kspace(
        BALLS, cube, COILS, trajectory=spokes, shift_mm=np.stack([0 * shift, 0 * shift, shift], axis=-1)[:, None]
    )
    for number, z in enumerate(shift):
        still = acquire_kspace(BALLS.moved((0.0, 0.0, float(z))), cube, COILS, trajectory=spokes)
        np.testing.assert_allclose(scan.array[..., number, :], still.array[..., number, :], atol=1e-4)


def test_frames_have_their_own_object_and_spokes():
    frames = enhancing(shepp_logan_2d(), 4, [0.1, 0.2, 0.3])
    spokes = Trajectory.golden_angle(5, 64, matrix=64, n_frames=3)
    scan = acquire_kspace(frames, PLANE, COILS, trajectory=spokes)
    alone = acquire_kspace(frames[2], PLANE, COILS, trajectory=Trajectory(spokes.points[2:]))
    np.testing.assert_array_equal(scan.array[2], alone.array[0])
    on_grid = acquire_kspace(frames, PLANE)
    steps = np.diff(on_grid.array, axis=0)
    np.testing.assert_allclose(steps[0], steps[1], atol=1e-5)
    area = math.prod(frames[0].ellipsoids[4].semi_axes[:2]) * math.pi
    assert steps[0, 0, 0, 0, 32, 32] == pytest.approx(0.1 * area / (3.4**2 * 64), rel=1e-4)


def test_a_constant_field_turns_the_phase_in_time():
    spiral = Trajectory.spiral(2, 40, matrix=64)
    time = np.linspace(0, 0.02, 40)
    turned_scan = acquire_kspace(
        shepp_logan_2d(), PLANE, COILS, trajectory=spiral, field=LinearField(hz=25.0), time_s=time
    )
    plain = acquire_kspace(shepp_logan_2d(), PLANE, COILS, trajectory=spiral)
    np.testing.assert_allclose(turned_scan.array, plain.array * np.exp(-2j * np.pi * 25.0 * time), atol=1e-4)


def test_noise_is_what_is_added_and_what_is_scanned_apart():
    covariance = random_covariance(4, seed=3, sigma=0.5)
    mask = np.ones((1, 1, 1, 64, 1), bool)
    mask[..., ::3, :] = False
    knobs = {"sampling_mask": mask, "noise_covariance": covariance, "n_noise_samples": 5000}
    noisy, again, other = (acquire_kspace(shepp_logan_2d(), PLANE, COILS, seed=s, **knobs) for s in (1, 1, 2))
    clean = acquire_kspace(shepp_logan_2d(), PLANE, COILS, sampling_mask=mask)
    assert noisy.array.tobytes() == again.array.tobytes() != other.array.tobytes()
    added = (noisy.array - clean.array)[0, 0, :, 0]
    assert not added[:, ::3].any()
    added = added[:, np.arange(64) % 3 > 0].reshape(4, -1)
    np.testing.assert_allclose(added @ added.conj().T / added.shape[1], covariance, atol=0.03)
    assert noisy.noise.shape == (5000, 4)
    np.testing.assert_allclose(noisy.noise.T @ noisy.noise.conj() / 5000, covariance, atol=0.03)
    assert clean.noise is None


def test_scans_that_cannot_be_are_refused():
    spokes = Trajectory.radial(3, 8, matrix=64)
    with pytest.raises(InputError, match="true trajectory"):
        acquire_kspace(shepp_logan_2d(), PLANE, true_trajectory=spokes)
    with pytest.raises(InputError, match="Cartesian"):
        acquire_kspace(shepp_logan_2d(), PLANE, trajectory=spokes, sampling_mask=np.ones((1, 1, 1, 64, 64)))
    with pytest.raises(InputError, match="frames"):
        acquire_kspace([shepp_logan_2d()] * 3, PLANE, trajectory=Trajectory.golden_angle(3, 8, matrix=64, n_frames=2))
    with pytest.raises(InputError, match="ellipsoid"):
        enhancing(shepp_logan_2d(), 10, [1.0])
    with pytest.raises(InputError, match="period"):
        breathing([0.0], period_s=0.0)
