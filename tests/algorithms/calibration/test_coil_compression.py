"""Coil compression keeps what it says, as well as BART's."""

from dataclasses import replace

import numpy as np
import pytest

from scanmill.algorithms.calibration import compress_coils, compress_readout, compression_matrix, geometric_compression
from scanmill.algorithms.calibration.geometric_compression import compressed
from scanmill.data import KSpace
from scanmill.errors import InputError, SpecError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.operators.fourier import FourierOp
from scanmill.phantoms import shepp_logan_2d
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace


def energy(array):
    return float((abs(array) ** 2).sum())


def root_sum_of_squares(kspace):
    """Of k-space (coil, z, y, x)."""
    return np.sqrt((abs(FourierOp(kspace.shape).H(kspace)) ** 2).sum(axis=0))


def test_three_sources_need_three_coils():
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((3, 500)) + 1j * rng.standard_normal((3, 500))
    data = (rng.standard_normal((8, 3)) + 1j * rng.standard_normal((8, 3))) @ sources
    A = compression_matrix(data)
    assert A.shape == (3, 8)
    np.testing.assert_allclose(A @ A.conj().T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(A.conj().T @ (A @ data), data, atol=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_the_fewest_coils_that_keep_the_energy(brain8_full, share):
    block = brain8_full[0]
    A = compression_matrix(block, energy=share)
    assert energy(A @ block.reshape(8, -1)) >= (share - 1e-6) * energy(block)
    if len(A) > 1:
        fewer = compression_matrix(block, n_virtual=len(A) - 1)
        assert energy(fewer @ block.reshape(8, -1)) < share * energy(block)


@pytest.mark.parametrize(("flag", "n_virtual"), [("-S", 4), ("-G", 3)])
def test_virtual_coils_of_a_head_keep_what_those_of_bart_keep(brain8_full, bart, flag, n_virtual):
    full = brain8_full[0]
    bart.write(full=full)
    bart("cc", flag, f"-p{n_virtual}", "-A", "full", "compressed")
    theirs = bart.read("compressed").reshape(n_virtual, 1, 230, 180)
    if flag == "-S":
        ours = np.tensordot(compression_matrix(full, n_virtual=n_virtual), full, axes=(1, 0)).astype(np.complex64)
        np.testing.assert_allclose(root_sum_of_squares(ours), root_sum_of_squares(theirs), rtol=1e-3, atol=1e-2)
    else:
        ours = compressed(brain8_full[None], geometric_compression(full, 180, n_virtual=n_virtual))[0, 0]
    assert energy(ours) >= 0.9997 * energy(theirs)


def phantom_scan(**knobs):
    """Coils on two rings, which change along x."""
    grid = VolumeGeometry.centered((1, 48, 64), (4.6, 3.4, 5.0))
    return acquire_kspace(shepp_logan_2d(), grid, CoilArray.loops(8, n_rings=2, body_mm=100.0), **knobs)


def test_geometric_compression_loses_less():
    k = phantom_scan()
    whole = energy(k.array)
    lost = {}
    for n in (2, 3):
        fixed = compress_coils(k, n_virtual=n).array
        moving = compress_readout(k, geometric_compression(k.array[0, 0], 64, n_virtual=n)).array
        lost[n] = (1 - energy(fixed) / whole, 1 - energy(moving) / whole)
    assert all(geometric < 0.6 * plain for plain, geometric in lost.values())


def test_all_coils_lose_nothing_and_go_on_smoothly():
    k = phantom_scan()
    matrices = geometric_compression(k.array[0, 0], 64, n_virtual=8)
    image = root_sum_of_squares(compress_readout(k, matrices).array[0, 0])
    np.testing.assert_allclose(image, root_sum_of_squares(k.array[0, 0]), rtol=1e-3, atol=1e-4)
    few = geometric_compression(k.array[0, 0], 64, n_virtual=3)
    np.testing.assert_allclose(few @ few.conj().swapaxes(1, 2), np.broadcast_to(np.eye(3), (64, 3, 3)), atol=1e-10)
    loose = np.stack([compression_matrix(m, n_virtual=3) for m in few])
    assert np.linalg.norm(np.diff(few[8:56], axis=0)) < 0.5 * np.linalg.norm(np.diff(loose[8:56], axis=0)) + 1


def test_a_short_readout_of_calibration_serves():
    k = phantom_scan()
    short = geometric_compression(k.array[0, 0, :, :, 12:36, 20:44], 64, n_virtual=4)
    whole = geometric_compression(k.array[0, 0], 64, n_virtual=4)
    lost = [1 - energy(compress_readout(k, m).array) / energy(k.array) for m in (short, whole)]
    assert lost[0] < 3 * lost[1] + 1e-3


def test_a_scan_is_compressed_with_its_noise_and_reference_lines():
    k = phantom_scan(noise_covariance=0.01 * np.eye(8), n_noise_samples=4000)
    k = replace(k, calibration=k.array[..., 12:36, :])
    small = compress_coils(k, n_virtual=3)
    assert (small.n_coils, small.noise.shape, small.calibration.shape[2]) == (3, (4000, 3), 3)
    np.testing.assert_allclose(small.noise.T @ small.noise.conj() / 4000, 0.01 * np.eye(3), atol=1e-3)
    spokes = acquire_kspace(
        shepp_logan_2d(), k.geometry, CoilArray.loops(8), trajectory=Trajectory.radial(9, 64, matrix=48)
    )
    assert compress_coils(spokes, n_virtual=2).array.shape == (1, 1, 2, 9, 64)


def test_bad_requests_are_refused():
    block = np.ones((4, 1, 8, 8), np.complex64)
    for knobs in ({"n_virtual": 5}, {"n_virtual": 0}, {"energy": 0.0}, {"energy": 1.1}):
        with pytest.raises(SpecError):
            compression_matrix(block, **knobs)
    with pytest.raises(InputError, match="no signal"):
        compression_matrix(0 * block)
    with pytest.raises(SpecError, match="middle"):
        geometric_compression(block, 8, n_virtual=2, window=2)
    with pytest.raises(InputError, match="another shape"):
        geometric_compression(block, 6, n_virtual=2)
    with pytest.raises(InputError, match="readout"):
        compress_readout(KSpace(block[None, None], VolumeGeometry((1, 8, 8))), np.ones((6, 2, 4)))
