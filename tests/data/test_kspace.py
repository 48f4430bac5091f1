"""K-space fits its image, its trajectory and its mask, or is refused."""

import numpy as np
import pytest

from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry

RNG = np.random.default_rng(0)
SLICES = VolumeGeometry((2, 6, 8))
VOLUME = VolumeGeometry((4, 6, 8))


def samples(*shape):
    return (RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(np.complex64)


def test_two_and_three_dimensions():
    planar = KSpace(samples(3, 2, 5, 1, 6, 8), SLICES)
    solid = KSpace(samples(1, 1, 5, 4, 6, 8), VOLUME)
    assert (planar.n_frames, planar.n_slices, planar.n_coils, planar.matrix) == (3, 2, 5, (1, 6, 8))
    assert (solid.n_slices, solid.matrix) == (1, (4, 6, 8))


def test_what_is_not_zero_was_measured():
    array = samples(1, 2, 3, 1, 6, 8)
    array[..., ::2, :] = 0
    k = KSpace(array, SLICES)
    assert k.sampled().mean() == 0.5
    assert k.acceleration() == 2


def test_a_mask_broadcasts():
    mask = np.zeros((1, 1, 1, 6, 1), bool)
    mask[..., :2, :] = True
    k = KSpace(samples(2, 2, 3, 1, 6, 8), SLICES, sampling_mask=mask)
    assert k.sampled().shape == (2, 2, 1, 6, 8)
    assert k.acceleration() == 3


def test_acceleration_along_a_trajectory():
    spokes = Trajectory.radial(3, 8, matrix=8)
    grid = VolumeGeometry((1, 8, 8))
    assert KSpace(samples(1, 1, 2, 3, 8), grid, spokes).acceleration() == pytest.approx(64 / 24)


def test_frames_take_what_belongs_to_them():
    spokes = Trajectory.golden_angle(3, 8, matrix=8, n_frames=4)
    k = KSpace(samples(4, 1, 2, 3, 8), VolumeGeometry((1, 8, 8)), spokes, frame_names=tuple("abcd"))
    part = k.frames(slice(1, 3))
    assert part.frame_names == ("b", "c")
    np.testing.assert_array_equal(part.trajectory.points, spokes.points[1:3])
    mask = np.ones((4, 1, 1, 6, 8), bool)
    k = KSpace(samples(4, 1, 2, 4, 6, 8), VOLUME, sampling_mask=mask[:, :, :1], calibration=samples(1, 1, 2, 4, 2, 2))
    assert k.frames(slice(2)).sampling_mask.shape[0] == 2
    assert k.frames(slice(2)).calibration.shape[0] == 1


SPOKES = Trajectory.radial(3, 8, matrix=8)
PLANE = VolumeGeometry((1, 8, 8))
REFUSED = {
    "real numbers": lambda: KSpace(np.ones((1, 2, 1, 1, 6, 8)), SLICES),
    "five axes": lambda: KSpace(samples(2, 1, 1, 6, 8), SLICES),
    "another matrix": lambda: KSpace(samples(1, 2, 1, 1, 8, 6), SLICES),
    "slabs": lambda: KSpace(samples(1, 2, 1, 4, 6, 8), VOLUME),
    "mask of another shape": lambda: KSpace(samples(1, 2, 1, 1, 6, 8), SLICES, sampling_mask=np.ones((6, 8), bool)),
    "mask of numbers": lambda: KSpace(samples(1, 2, 1, 1, 6, 8), SLICES, sampling_mask=np.ones((1, 1, 1, 6, 8))),
    "empty mask": lambda: KSpace(samples(1, 2, 1, 1, 6, 8), SLICES, sampling_mask=np.zeros((1, 1, 1, 6, 8), bool)),
    "noise of other coils": lambda: KSpace(samples(1, 2, 3, 1, 6, 8), SLICES, noise=samples(100, 2)),
    "calibration of other coils": lambda: KSpace(
        samples(1, 2, 3, 1, 6, 8), SLICES, calibration=samples(1, 2, 4, 1, 2, 2)
    ),
    "names": lambda: KSpace(samples(2, 2, 3, 1, 6, 8), SLICES, frame_names=("a",)),
    "samples off the trajectory": lambda: KSpace(samples(1, 1, 2, 3, 7), PLANE, SPOKES),
    "mask with a trajectory": lambda: KSpace(samples(1, 1, 2, 3, 8), PLANE, SPOKES, np.ones((1, 1, 1, 8, 8), bool)),
    "slices with a trajectory": lambda: KSpace(samples(1, 2, 2, 3, 8), PLANE, SPOKES),
    "trajectory beyond the matrix": lambda: KSpace(samples(1, 1, 2, 3, 8), VolumeGeometry((1, 4, 8)), SPOKES),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_does_not_fit_is_refused(fault):
    with pytest.raises(InputError):
        REFUSED[fault]()
