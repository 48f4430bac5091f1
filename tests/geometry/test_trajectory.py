"""Trajectories against BART's, and against what their papers say of them."""

import numpy as np
import pytest

from bart_tool import Bart
from scanmill.errors import InputError
from scanmill.geometry import Trajectory
from scanmill.geometry.shots import GOLDEN_RATIO


def bart_points(folder, *options):
    """(shot, sample, 2). BART's first spoke runs along y and turns towards -x: its angle is 90 degrees less ours."""
    bart = Bart(folder)
    bart("traj", *options, "t")
    return bart.read("t").real[..., :2]


CASES = {
    "radial": (["-r", "-x", 16, "-y", 5], np.pi * np.arange(5) / 5),
    "full circle": (["-r", "-D", "-x", 16, "-y", 5], 2 * np.pi * np.arange(5) / 5),
    "golden angle": (["-r", "-G", "-x", 16, "-y", 7], np.pi / GOLDEN_RATIO * np.arange(7)),
    "tiny golden angle": (["-r", "-G", "-s", 7, "-x", 16, "-y", 7], np.pi / (GOLDEN_RATIO + 6) * np.arange(7)),
}


@pytest.mark.parametrize("name", CASES)
def test_spokes_are_those_of_bart(tmp_path, name):
    options, phi = CASES[name]
    spokes = Trajectory.radial(len(phi), 16, matrix=16, angles=np.pi / 2 - phi, is_symmetric=True)
    np.testing.assert_allclose(spokes.points[0, 0], bart_points(tmp_path, *options), atol=2e-3)


@pytest.mark.parametrize("tiny", [1, 7])
def test_golden_angles_go_on_from_frame_to_frame(tiny):
    frames = Trajectory.golden_angle(4, 8, matrix=8, n_frames=3, tiny=tiny)
    whole = Trajectory.golden_angle(12, 8, matrix=8, tiny=tiny)
    np.testing.assert_allclose(frames.points.reshape(12, 8, 2), whole.points[0, 0])
    if tiny == 1:
        direction = whole.points[0, 0, 1, -1]
        assert np.degrees(np.arctan2(direction[1], direction[0])) == pytest.approx(111.246, abs=1e-3)


@pytest.mark.parametrize("delays", [(0.3, -0.1, 0.0), (0.4, 0.2, 0.15)])
def test_delays_are_those_of_bart(tmp_path, delays):
    """With ``-O``; without, BART keeps the part along the spoke only. Its first delay is that of its second axis."""
    moved = bart_points(tmp_path, "-r", "-O", "-x", 32, "-y", 6, "-q", ":".join(map(str, delays)))
    still = Trajectory.radial(6, 32, matrix=32, angles=np.pi / 2 - np.pi * np.arange(6) / 6, is_symmetric=True)
    y, x, xy = delays
    np.testing.assert_allclose(still.delayed([[x, xy], [xy, y]]).points[0, 0], moved, atol=1e-3)


def test_a_delay_of_one_sample_is_the_next_sample():
    spokes = Trajectory.radial(3, 16, matrix=16)
    np.testing.assert_allclose(spokes.delayed([1.0, 1.0]).points[..., :-1, :], spokes.points[..., 1:, :], atol=1e-12)


def test_a_spiral_meets_nyquist_between_its_turns():
    """Along a ray from the centre, neighbouring turns of all interleaves lie one cycle apart."""
    spiral = Trajectory.spiral(4, 40_000, matrix=64)
    radius = np.hypot(*np.moveaxis(spiral.points[0, 0], -1, 0))
    angle = np.unwrap(np.arctan2(spiral.points[0, 0, ..., 1], spiral.points[0, 0, ..., 0]), axis=-1)
    crossings = []
    for r, a in zip(radius, angle, strict=True):
        turns = np.arange(np.ceil(a[1] / (2 * np.pi)), np.floor(a[-1] / (2 * np.pi)) + 1)
        crossings += np.interp(turns * 2 * np.pi, a, r).tolist()
    assert np.diff(sorted(crossings)) == pytest.approx(1.0, abs=1e-3)
    assert radius.max() == pytest.approx(32)
    steps = np.hypot(*np.moveaxis(np.diff(spiral.points[0, 0, 0], axis=0), -1, 0))
    assert steps.max() / steps.min() == pytest.approx(1, abs=0.01)  # constant speed


@pytest.mark.parametrize("order", ["phyllotaxis", "golden_means"])
def test_a_ball_is_covered_evenly(order):
    """Equal areas of the half sphere hold equal numbers of spokes: z of the uniform distribution."""
    ball = Trajectory.radial_3d(2000, 8, matrix=8, order=order)
    tip = ball.points[0, 0, :, 0] / -4
    assert np.linalg.norm(tip, axis=-1) == pytest.approx(1)
    counts, _ = np.histogram(tip[:, 2], bins=10, range=(0, 1))
    if order == "golden_means":
        assert counts == pytest.approx(200, abs=3)
    else:  # Piccini's polar angle grows with the square root of n, which is even near the pole only
        assert counts[-1] == pytest.approx(2000 * (np.arccos(0.9) / (np.pi / 2)) ** 2, abs=2)


def test_interleaves_start_with_the_navigator_and_share_the_spokes():
    plain = Trajectory.radial_3d(60, 8, matrix=8)
    woven = Trajectory.radial_3d(60, 8, matrix=8, n_interleaves=6)
    with_navigator = Trajectory.radial_3d(60, 8, matrix=8, n_interleaves=6, has_navigator=True)
    np.testing.assert_allclose(woven.points[0, 0, 1], plain.points[0, 0, 6])
    np.testing.assert_allclose(with_navigator.points[0, 0, ::10, -1], [[0, 0, 3.0]] * 6)
    np.testing.assert_allclose(np.sort(woven.points, axis=2), np.sort(plain.points, axis=2))


def test_points_of_a_mask_are_frequencies_of_the_centred_transform():
    mask = np.zeros((4, 5), dtype=bool)
    mask[2, 2] = mask[0, 4] = True
    assert Trajectory.cartesian(mask).points[0, 0, 0].tolist() == [[2, -2], [0, 0]]


def test_what_is_no_trajectory_is_refused():
    spokes = Trajectory.radial(4, 8, matrix=8)
    for make in (
        lambda: Trajectory(np.zeros((4, 8, 2))),
        lambda: Trajectory(np.full((1, 1, 4, 8, 2), np.nan)),
        lambda: Trajectory(np.zeros((1, 1, 4, 8, 4))),
        lambda: Trajectory.radial(4, 8, matrix=8, angles=[0.0]),
        lambda: Trajectory.radial_3d(10, 8, matrix=8, n_interleaves=3),
        lambda: Trajectory.radial_3d(10, 8, matrix=8, order="other"),
        lambda: Trajectory.cartesian(np.zeros((3, 3))),
        lambda: spokes.delayed([1.0]),
        lambda: spokes.check_inside((4, 8)),
    ):
        with pytest.raises(InputError):
            make()
    spokes.check_inside((8, 8))
    spokes.check_inside((6, 6))  # by no more than a sample
    with pytest.raises(ValueError, match="read-only"):
        spokes.points[0] = 0
