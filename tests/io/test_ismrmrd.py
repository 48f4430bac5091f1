"""ISMRMRD files written by the ismrmrd package, read, and held against closed forms."""

import ismrmrd
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ismrmrd_files import Writer, blob, encoding
from scanmill.io.ismrmrd import measurements, open_ismrmrd
from scanmill.io.readout import to_image

FOV, MATRIX = (240.0, 150.0, 4.0), (120, 50, 1)
"""Twice oversampled along the readout: 60 pixels of 2 mm stay, of 3 mm along the phase."""
EMBEDDED_LINES = range(20, 30)


def image_of(k):
    """The image (frame, slice, coil, z, y, x)."""
    image = k.array
    for axis in (-1, -2, -3):
        image = to_image(image, axis)
    return image


def line(points, writer, ky, *, kx=None, fov=FOV, matrix=MATRIX, sigma=4.0):
    """A readout (1, sample) of blobs in the writer's pose, at ky, in the scale of the encoded matrix."""
    kx = np.arange(matrix[0]) - matrix[0] // 2 if kx is None else kx
    k = np.stack(np.broadcast_arrays(kx, np.float64(ky)), axis=-1)
    voxel = fov[0] / matrix[0] * fov[1] / matrix[1]
    return blob(points, writer.position, writer.axes, fov, k, sigma)[None] / voxel / np.sqrt(matrix[0] * matrix[1])


def expected(points, geometry, sigma=4.0):
    """The blobs at the voxels of a grid of slices, where only distances within the slice count: (z, y, x)."""
    offset = geometry.voxel_points()[..., None, :] - np.atleast_2d(points)
    in_plane = offset @ np.asarray(geometry.direction)[:, :2]
    return np.exp(-0.5 * (in_plane**2).sum(axis=-1) / sigma**2).sum(axis=-1)


def single_slice(tmp_path, lines=range(50), **header):
    """A slice with a blob and lines as asked; the writer is given back before anything is written."""
    writer = Writer(
        [encoding(MATRIX, FOV, (60, 50, 1), (120.0, 150.0, 4.0), **header)], position=np.array([5.0, -8, 30])
    )
    point = np.array([15.0, -20, 30])
    for step in lines:
        writer.add(line(point, writer, step - 25), kspace_encode_step_1=step)
    return writer, point, tmp_path / "scan.h5"


ORIENTATIONS = {
    "axial": np.eye(3),
    "sagittal": np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]).T,
    "coronal": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T,
    "oblique from axial": Rotation.from_euler("xyz", [25, -10, 40], degrees=True).as_matrix(),
    "oblique from sagittal": Rotation.from_euler("yzx", [80, 15, -20], degrees=True).as_matrix(),
    "oblique from coronal": Rotation.from_euler("xzy", [-75, 12, 33], degrees=True).as_matrix(),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_slices_of_any_direction_lie_where_the_closed_form_says(tmp_path, name):
    """Three slices, acquired out of order and off centre; each has a blob elsewhere."""
    axes = ORIENTATIONS[name]
    writer = Writer([encoding(MATRIX, FOV, (60, 40, 1), (120.0, 120.0, 4.0))], axes=axes)
    middle = np.array([31.0, -22, 47])
    points = {}
    for number, distance in ((0, 6.5), (1, -6.5), (2, 0.0)):
        writer.position = middle + distance * axes[:, 2]
        points[distance] = writer.position + axes[:, :2] @ [10.0 + 2 * distance, -14.0]
        for step in range(50):
            writer.add(line(points[distance], writer, step - 25), kspace_encode_step_1=step, slice=number)
    scan = open_ismrmrd(writer.write(tmp_path / "scan.h5"))
    k = scan.kspace()
    assert (k.geometry.shape, k.recon.shape) == ((3, 50, 60), (3, 40, 60))
    np.testing.assert_allclose(k.geometry.spacing, (2, 3, 6.5), atol=1e-5)
    np.testing.assert_allclose(k.geometry.direction, axes, atol=1e-6)
    image = image_of(k)[0, :, 0, 0]
    for z, distance in enumerate((-6.5, 0.0, 6.5)):
        truth = expected(points[distance], k.geometry)[z]
        np.testing.assert_allclose(image[z], truth, atol=2e-3)
        np.testing.assert_allclose(expected(points[distance], k.recon)[z], truth[5:45], atol=1e-6)
    assert scan.facts.columns["n_slices"] == 3
    assert scan.warnings == ()


def test_a_volume_has_its_zero_at_the_position(tmp_path):
    axes = ORIENTATIONS["oblique from coronal"]
    fov, matrix = (96.0, 90.0, 60.0), (48, 30, 15)
    writer = Writer(
        [encoding(matrix, fov, (24, 30, 11), (48.0, 90.0, 44.0))], axes=axes, position=np.array([-9.0, 14, 80])
    )
    point = writer.position + axes @ [4.0, -11, 7]
    for z in range(15):
        for y in range(30):
            k = np.stack(np.broadcast_arrays(np.arange(48) - 24, y - 15.0, z - 7.0), axis=-1)
            samples = blob(point, writer.position, axes, fov, k, 5.0)[None] / (2 * 3 * 4) / np.sqrt(48 * 30 * 15)
            writer.add(samples, kspace_encode_step_1=y, kspace_encode_step_2=z)
    k = open_ismrmrd(writer.write(tmp_path / "scan.h5")).kspace()
    assert k.array.shape == (1, 1, 1, 15, 30, 24)
    assert k.recon.shape == (11, 30, 24)
    distance = np.linalg.norm(k.geometry.voxel_points() - point, axis=-1)
    np.testing.assert_allclose(image_of(k)[0, 0, 0], np.exp(-0.5 * (distance / 5) ** 2), atol=3e-3)


def test_partial_fourier_stands_right_in_the_grid(tmp_path):
    writer, point, path = single_slice(tmp_path, [], centers=(12, None))
    for step in range(37):
        writer.add(line(point, writer, step - 12), kspace_encode_step_1=step)
    k = open_ismrmrd(writer.write(path)).kspace()
    rows = k.sampled()[0, 0, 0].any(axis=1)
    assert np.flatnonzero(rows)[[0, -1]].tolist() == [13, 49]
    full, *_ = single_slice(tmp_path)
    truth = open_ismrmrd(full.write(tmp_path / "full.h5")).kspace()
    np.testing.assert_array_equal(k.array[..., 13:, :], truth.array[..., 13:, :])


def test_an_asymmetric_echo_keeps_its_place_and_its_mask(tmp_path):
    writer, point, path = single_slice(tmp_path, [])
    for step in range(50):
        writer.add(line(point, writer, step - 25)[:, 40:], center=20, kspace_encode_step_1=step)
    k = open_ismrmrd(writer.write(path)).kspace()
    columns = np.flatnonzero(k.sampled()[0, 0, 0, 25])
    assert columns[[0, -1]].tolist() == [20, 59]  # k from -20 of the encoded cycles, two of which are one here
    assert not k.array[..., :20].any()
    full, *_ = single_slice(tmp_path)
    truth = open_ismrmrd(full.write(tmp_path / "full.h5")).kspace()
    error = np.abs(k.array - truth.array)[..., 24:].max() / np.abs(truth.array).max()
    assert error < 0.02  # beside the cut, the removed oversampling mixes neighbours


def test_discarded_samples_are_left_out(tmp_path):
    writer, point, path = single_slice(tmp_path, [])
    for step in range(50):
        padded = np.concatenate([np.full((1, 6), 99), line(point, writer, step - 25), np.full((1, 3), 77)], axis=1)
        writer.add(padded, center=66, kspace_encode_step_1=step)
        writer.acquisitions[-1].discard_pre, writer.acquisitions[-1].discard_post = 6, 3
    k = open_ismrmrd(writer.write(path)).kspace()
    full, *_ = single_slice(tmp_path)
    np.testing.assert_array_equal(k.array, open_ismrmrd(full.write(tmp_path / "full.h5")).kspace().array)


def test_averages_are_averaged_and_noise_keeps_their_scale(tmp_path):
    rng = np.random.default_rng(0)
    writer, point, path = single_slice(tmp_path, [])
    noise = (rng.normal(size=(1, 5000)) + 1j * rng.normal(size=(1, 5000))).astype(np.complex64)
    writer.add(noise, flags=[ismrmrd.ACQ_IS_NOISE_MEASUREMENT], dwell_us=20.0)
    for average in range(2):
        for step in range(50):
            samples = line(point, writer, step - 25) * (1 + 2 * average)
            writer.add(samples, dwell_us=5.0, kspace_encode_step_1=step, average=average)
    k = open_ismrmrd(writer.write(path)).kspace()
    full, *_ = single_slice(tmp_path)
    truth = open_ismrmrd(full.write(tmp_path / "full.h5")).kspace()
    np.testing.assert_allclose(k.array, 2 * truth.array, atol=1e-6)
    np.testing.assert_allclose(k.noise[:, 0], noise[0] * np.sqrt(20 / 5 / 2), rtol=1e-6)


def test_noise_of_the_samples_survives_the_removal_of_oversampling(tmp_path):
    """White noise in, white noise of the same size out: the scale that whitening relies on."""
    rng = np.random.default_rng(1)
    writer, _, path = single_slice(tmp_path, [])
    for step in range(50):
        writer.add((rng.normal(size=(1, 120)) + 1j * rng.normal(size=(1, 120))), kspace_encode_step_1=step)
    k = open_ismrmrd(writer.write(path)).kspace()
    assert np.std(k.array) == pytest.approx(np.sqrt(2), rel=0.03)


def test_loops_become_frames_with_names(tmp_path):
    writer, point, path = single_slice(tmp_path, [])
    for repetition in (0, 1):
        for contrast in (1, 0):
            for step in range(50):
                samples = line(point, writer, step - 25) * (1 + repetition + 10 * contrast)
                writer.add(samples, kspace_encode_step_1=step, repetition=repetition, contrast=contrast)
    scan = open_ismrmrd(writer.write(path))
    k = scan.kspace()
    assert k.frame_names == tuple(f"contrast {c}, repetition {r}" for c in (0, 1) for r in (0, 1))
    peaks = np.abs(image_of(k)).max(axis=(1, 2, 3, 4, 5))
    np.testing.assert_allclose(peaks / peaks[0], [1, 2, 11, 12], rtol=1e-5)
    assert k.sampling_mask.shape[0] == 1
    assert scan.facts.columns["n_frames"] == 4


def test_what_is_no_image_data_stays_outside(tmp_path):
    writer, _, path = single_slice(tmp_path)
    garbage = np.full((1, 120), 1e6)
    for name in ("NAVIGATION", "DUMMYSCAN", "HPFEEDBACK", "RTFEEDBACK", "SURFACECOILCORRECTIONSCAN", "PHASECORR"):
        writer.add(garbage, flags=[getattr(ismrmrd, f"ACQ_IS_{name}_DATA")], kspace_encode_step_1=3)
    full, *_ = single_slice(tmp_path)
    k, truth = (open_ismrmrd(w.write(p)).kspace() for w, p in ((writer, path), (full, tmp_path / "full.h5")))
    np.testing.assert_array_equal(k.array, truth.array)


@pytest.mark.parametrize("mode", ["embedded", "separate"])
def test_acceleration_and_calibration_lines(tmp_path, mode):
    writer, point, path = single_slice(tmp_path, [], calibration=mode)
    for step in range(50):
        sampled, reference = step % 2 == 0, step in EMBEDDED_LINES
        flags = [ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING] if sampled and reference else []
        flags = flags or ([ismrmrd.ACQ_IS_PARALLEL_CALIBRATION] if reference else [])
        if mode == "separate":
            if sampled:
                writer.add(line(point, writer, step - 25), kspace_encode_step_1=step)
            flags = [ismrmrd.ACQ_IS_PARALLEL_CALIBRATION] if reference else []
        if flags or (mode == "embedded" and sampled):
            scale = 3 if mode == "separate" else 1
            writer.add(scale * line(point, writer, step - 25), flags=flags, kspace_encode_step_1=step)
    k = open_ismrmrd(writer.write(path)).kspace()
    full, *_ = single_slice(tmp_path)
    truth = open_ismrmrd(full.write(tmp_path / "full.h5")).kspace()
    rows = set(np.flatnonzero(k.sampled()[0, 0, 0].all(axis=1)).tolist())
    if mode == "embedded":
        assert rows == set(range(0, 50, 2)) | set(EMBEDDED_LINES)
        assert k.calibration is None
    else:
        assert rows == set(range(0, 50, 2))
        assert k.calibration.shape == (1, 1, 1, 1, 10, 60)
        np.testing.assert_allclose(k.calibration, 3 * truth.array[..., 20:30, :], atol=1e-5)


def test_reversed_lines_are_turned(tmp_path):
    """Cartesian, without navigators: samples in order of time, their center as in the standard's words."""
    writer, point, path = single_slice(tmp_path, [])
    for step in range(50):
        samples = line(point, writer, step - 25)
        is_reverse = step % 2 == 1
        flags = [ismrmrd.ACQ_IS_REVERSE] if is_reverse else []
        writer.add(samples[:, ::-1] if is_reverse else samples, flags=flags, center=59 if is_reverse else 60,
                   kspace_encode_step_1=step)  # fmt: skip
    scan = open_ismrmrd(writer.write(path))
    full, *_ = single_slice(tmp_path)
    np.testing.assert_array_equal(scan.kspace().array, open_ismrmrd(full.write(tmp_path / "full.h5")).kspace().array)
    assert "reversed lines without navigators" in scan.warnings[0]


def epi(tmp_path, delay, phase, *, with_navigators=True, positions=None, description=None):
    """An EPI of one slice: reversed lines come late by ``delay`` samples and turn by ``phase`` rad, forward lines the
    other way; ``positions`` are those of the samples of a ramp. All samples in order of time."""
    matrix, fov = (64, 40, 1), (192.0, 160.0, 4.0)
    writer = Writer(
        [encoding(matrix, fov, trajectory="epi", description=description)], position=np.array([5.0, -8, 30])
    )
    points = np.array([[20.0, -30, 30], [-25.0, 10, 30]])
    forward = np.arange(64) - 32.0 if positions is None else positions

    def add(ky, *, is_reverse, flags=(), **idx):
        sign = -0.5 if is_reverse else 0.5
        samples = line(points, writer, ky, kx=forward + sign * delay, fov=fov, matrix=matrix) * np.exp(
            -1j * sign * phase
        )
        flags = [*flags, ismrmrd.ACQ_IS_REVERSE] if is_reverse else flags
        writer.add(samples[:, ::-1] if is_reverse else samples, flags=flags, **idx)

    if with_navigators:
        for is_reverse in (False, True, False):
            add(0, is_reverse=is_reverse, flags=[ismrmrd.ACQ_IS_PHASECORR_DATA])
    for step in range(40):
        add(step - 20, is_reverse=step % 2 == 1, kspace_encode_step_1=step)
    k = open_ismrmrd(writer.write(tmp_path / f"epi{with_navigators}.h5")).kspace()
    return image_of(k)[0, 0, 0], expected(points, k.geometry)


def test_epi_phase_correction_removes_a_known_linear_error(tmp_path):
    """Closed form: a delay is a slope, a phase an offset; what navigators show is taken from the lines."""
    ghosted, truth = epi(tmp_path, 0.7, 0.6, with_navigators=False)
    image, _ = epi(tmp_path, 0.7, 0.6)
    assert np.abs(ghosted - truth).max() > 0.4
    np.testing.assert_allclose(image, truth, atol=2e-3)


def test_ramp_samples_are_regridded(tmp_path):
    """The positions come from summing the gradient's waveform in steps of a thousandth of a dwell time."""
    up, flat, down, dwell, n = 180.0, 340.0, 180.0, 5.0, 132
    t = np.linspace(0, up + flat + down, 700_001)
    gradient = np.minimum(np.minimum(t / up, 1), (t[-1] - t) / down)
    area = np.concatenate([[0], np.cumsum((gradient[1:] + gradient[:-1]) / 2 * np.diff(t))])
    at = t[-1] / 2 + (np.arange(n) - (n - 1) / 2) * dwell
    edges = np.interp([at[0] - dwell / 2, at[-1] + dwell / 2], t, area)
    positions = (np.interp(at, t, area) - area[-1] / 2) * 64 / (edges[1] - edges[0])
    description = {"rampUpTime": up, "flatTopTime": flat, "rampDownTime": down, "dwellTime": dwell}
    image, truth = epi(tmp_path, 0.5, -0.3, positions=positions, description=description)
    np.testing.assert_allclose(image, truth, atol=3e-3)
    uneven, _ = epi(tmp_path, 0.0, 0.0, positions=positions[2:-2][::2], with_navigators=False)
    assert np.abs(uneven - truth).max() > 0.1


def radial(tmp_path, factor):
    """Spokes of two coils in two frames, points times ``factor`` in the file."""
    writer = Writer(
        [encoding((64, 64, 1), (128.0, 128.0, 5.0), trajectory="radial")], position=np.array([0.0, 10, -20])
    )
    for repetition in range(2):
        for spoke in range(20):
            angle = np.pi * spoke / 20 + 0.1 * repetition
            k = (np.arange(64)[:, None] - 32) * np.array([np.cos(angle), np.sin(angle)])
            samples = blob([8.0, 0, -20], writer.position, writer.axes, (128.0, 128.0), k)
            writer.add(np.stack([samples, 2 * samples]), trajectory=k * factor, kspace_encode_step_1=spoke,
                       repetition=repetition)  # fmt: skip
    return open_ismrmrd(writer.write(tmp_path / "radial.h5"))


@pytest.mark.parametrize(
    ("unit", "factor"),
    [(None, 1 / 64), (None, 2 * np.pi / 64), (None, 1.0), ("1/m", 1000 / 128), ("half_cycles_per_fov", 2.0)],
    ids=["cycles per pixel", "rad per pixel", "cycles per field of view", "1/m", "1/(2 FOV)"],
)
def test_trajectories_of_any_unit_are_cycles_per_field_of_view(tmp_path, unit, factor):
    scan = radial(tmp_path, factor)
    k = scan.kspace(trajectory_unit=unit)
    assert k.array.shape == (2, 1, 2, 20, 64)
    angle = np.pi * np.arange(20) / 20 + 0.1
    truth = (np.arange(64)[:, None] - 32) * np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None]
    np.testing.assert_allclose(k.trajectory.points[1, 0], truth, atol=1e-5)
    np.testing.assert_array_equal(k.array[:, :, 1], 2 * k.array[:, :, 0])
    offset = np.array([8.0, 0, -20]) - [0.0, 10, -20]
    phase = np.exp(-2j * np.pi * truth @ (offset[:2] / 128))
    modulus = np.abs(k.array[1, 0, 0])
    np.testing.assert_allclose(k.array[1, 0, 0], modulus * phase, atol=1e-4 * modulus.max())
    assert scan.facts.columns["n_shots"] == 20
    assert k.frame_names == ("repetition 0", "repetition 1")


def test_partitions_of_a_stack_of_stars_become_the_third_coordinate(tmp_path):
    writer = Writer([encoding((32, 32, 6), (64.0, 64.0, 24.0), trajectory="radial", centers=(None, 3))])
    for partition in range(6):
        for spoke in range(8):
            angle = np.pi * spoke / 8
            k = (np.arange(32)[:, None] - 16) * np.array([np.cos(angle), np.sin(angle)]) / 32
            writer.add(np.ones((1, 32)), trajectory=k, kspace_encode_step_1=spoke, kspace_encode_step_2=partition)
    k = open_ismrmrd(writer.write(tmp_path / "stars.h5")).kspace()
    assert k.trajectory.shape == (1, 1, 48, 32)
    assert np.unique(k.trajectory.points[..., 2]).tolist() == [-3, -2, -1, 0, 1, 2]


def test_a_real_file_equals_its_array(data_folder):
    folder = data_folder / "mr_kspace_brain8"
    scan = open_ismrmrd(folder / "cartesian_ksp_ismrmrd.h5")
    k = scan.kspace()
    stored = np.load(folder / "cartesian_ksp.npy")
    np.testing.assert_array_equal(k.array[0, 0, :, 0], stored)
    np.testing.assert_array_equal(k.sampled()[0, 0, 0], (stored != 0).any(axis=0))
    assert k.geometry.spacing == (1.0, 1.0, 5.0)
    assert scan.warnings == ("the acquisitions have no directions; the image is taken as unrotated",)


def test_measurements_and_encodings_are_chosen_by_name(tmp_path):
    writer, point, path = single_slice(tmp_path)
    writer.encodings.append(encoding((120, 20, 1), FOV))
    for step in range(20):
        writer.add(line(point, writer, step - 10), kspace_encode_step_1=step, encoding=1)
    writer.write(path)
    writer.write(path, "second")
    assert measurements(path) == {"dataset": (0, 1), "second": (0, 1)}
    assert open_ismrmrd(path, measurement="second", encoding=1).kspace().matrix == (1, 20, 120)
