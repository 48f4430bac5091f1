"""K-space goes through our own npz and comes back as it was."""

import numpy as np
import pytest

from scanmill.data import KSpace
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.io.npz import read_npz, write_npz
from scanmill.io.voxel_digest import voxel_digest

RNG = np.random.default_rng(5)


def samples(*shape):
    return (RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(np.complex64)


GRID = VolumeGeometry((2, 6, 8), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)))
CARTESIAN = KSpace(
    samples(2, 2, 3, 1, 6, 8),
    GRID,
    sampling_mask=RNG.random((1, 1, 1, 6, 8)) > 0.5,
    recon=GRID.crop(slice(None), slice(1, 5), slice(None)),
    noise=samples(50, 3),
    is_whitened=True,
    calibration=samples(1, 2, 3, 1, 4, 4),
    frame_names=("echo 0", "echo 1"),
)
RADIAL = KSpace(samples(2, 1, 3, 5, 8), VolumeGeometry((1, 8, 8)), Trajectory.golden_angle(5, 8, matrix=8, n_frames=2))


@pytest.mark.parametrize("value", [CARTESIAN, RADIAL], ids=["cartesian", "radial"])
def test_k_space_comes_back(tmp_path, value):
    write_npz(tmp_path / "a.npz", value)
    write_npz(tmp_path / "b.npz", value)
    read = read_npz(tmp_path / "a.npz")
    for name in ("array", "sampling_mask", "noise", "calibration"):
        np.testing.assert_array_equal(getattr(read, name), getattr(value, name))
        assert getattr(read, name) is None or getattr(read, name).dtype == getattr(value, name).dtype
    assert (read.geometry, read.recon, read.frame_names) == (value.geometry, value.recon, value.frame_names)
    assert read.is_whitened == value.is_whitened
    if value.trajectory is not None:
        np.testing.assert_array_equal(read.trajectory.points, value.trajectory.points)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert voxel_digest(read) == voxel_digest(value)


def test_the_digest_knows_the_trajectory():
    moved = KSpace(RADIAL.array, RADIAL.geometry, RADIAL.trajectory.delayed([0.1, 0.0]))
    assert voxel_digest(moved) != voxel_digest(RADIAL)
