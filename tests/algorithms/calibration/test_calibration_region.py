"""The fully sampled middle of k-space is found, or its absence told."""

import numpy as np
import pytest

from scanmill.algorithms.calibration import calibration_of, calibration_region, low_frequencies
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.phantoms.poisson_disc import poisson_disc
from scanmill.phantoms.sampling_masks import caipi, partial_fourier, regular


def bounds(mask):
    return [(s.start, s.stop) for s in calibration_region(mask)]


def test_lines_of_an_accelerated_scan():
    mask = np.broadcast_to(regular(64, 4, n_calibration=21)[None, :, None], (1, 64, 48))
    assert bounds(mask) == [(0, 1), (22, 43), (0, 48)]


def test_a_box_among_a_lattice():
    mask = caipi((60, 61), (2, 3), shift=1, calibration=(24, 23))[None]
    found = bounds(mask)
    assert found[1][0] in (17, 18)
    assert found[1][1] in (42, 43)
    assert mask[:, slice(*found[1]), slice(*found[2])].all()


def test_a_box_among_random_samples():
    mask = poisson_disc((96, 80), 6.0, seed=3, calibration=(24, 24))[None]
    (_, _), (y0, y1), (x0, x1) = bounds(mask)
    assert y0 <= 36
    assert y1 >= 60
    assert x0 <= 28
    assert x1 >= 52


def test_partial_fourier_leaves_an_uneven_box():
    mask = np.broadcast_to(partial_fourier(64, 0.625)[None, :, None], (1, 64, 32))
    assert bounds(mask) == [(0, 1), (0, 40), (0, 32)]


def test_the_region_is_that_of_pygrappa():
    find_acs = pytest.importorskip("pygrappa", reason="pygrappa is not installed").find_acs
    mask = regular(64, 3, n_calibration=17)
    k = np.broadcast_to(mask[:, None, None], (64, 48, 2)) * np.ones((64, 48, 2), np.complex64)
    assert find_acs(k.copy()).shape[:2] == tuple(
        b - a for a, b in bounds(mask[None, :, None] & np.ones((1, 64, 48), bool))[1:]
    )


def kspace(mask, **fields):
    rng = np.random.default_rng(0)
    array = rng.standard_normal((2, 3, 4, 1, 32, 30)) + 1j * rng.standard_normal((2, 3, 4, 1, 32, 30))
    return KSpace((array * mask).astype(np.complex64), VolumeGeometry((3, 32, 30)), sampling_mask=mask, **fields)


def test_the_block_holds_the_middle_of_every_frame_and_slice():
    mask = np.broadcast_to(regular(32, 3, n_calibration=14)[:, None], (1, 1, 1, 32, 30))
    scan = kspace(mask)
    block = calibration_of(scan, width=12)
    assert block.shape == (2, 3, 4, 1, 12, 12)
    np.testing.assert_array_equal(block, scan.array[..., 10:22, 9:21])


def test_reference_lines_come_first():
    mask = np.broadcast_to(regular(32, 3)[:, None], (1, 1, 1, 32, 30))
    lines = np.ones((1, 3, 4, 1, 20, 30), np.complex64)
    assert calibration_of(kspace(mask, calibration=lines), width=16).shape == (1, 3, 4, 1, 16, 16)


def test_no_calibration_region_is_told():
    mask = np.broadcast_to(regular(32, 3)[:, None], (1, 1, 1, 32, 30))
    with pytest.raises(InputError, match="too small"):
        calibration_of(kspace(mask))
    with pytest.raises(InputError, match="no calibration region"):
        calibration_of(kspace(~mask))
    spokes = KSpace(
        np.ones((1, 1, 2, 3, 8), np.complex64), VolumeGeometry((1, 8, 8)), Trajectory.radial(3, 8, matrix=8)
    )
    with pytest.raises(InputError, match="trajectory"):
        calibration_of(spokes)


def test_low_frequencies_of_images_are_the_middle_of_their_kspace(scan):
    np.testing.assert_allclose(low_frequencies(scan.images), scan.calibration(), atol=1e-5)
