"""Whitened noise is white, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest

from scanmill.algorithms.calibration import noise_covariance, prewhiten, whitening_matrix
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms import shepp_logan_2d
from scanmill.phantoms.coil_noise import draw_noise, random_covariance
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace

GRID = VolumeGeometry.centered((1, 48, 48), (4.5, 4.5, 5.0))
COVARIANCE = random_covariance(6, seed=1, sigma=0.2, correlation=0.5)


def scan(**knobs):
    coils = CoilArray.loops(6)
    return acquire_kspace(shepp_logan_2d(), GRID, coils, noise_covariance=COVARIANCE, seed=2, **knobs)


def test_the_matrix_whitens_the_covariance():
    W = whitening_matrix(COVARIANCE)
    np.testing.assert_allclose(W @ COVARIANCE @ W.conj().T, np.eye(6), atol=1e-12)
    assert not np.triu(W, 1).any(), "the inverse of a Cholesky factor"


def test_the_covariance_is_that_of_the_samples():
    noise = draw_noise(COVARIANCE, 100_000, np.random.default_rng(0)).T
    np.testing.assert_allclose(noise_covariance(noise), COVARIANCE, atol=0.01 * abs(COVARIANCE).max())


def test_a_whitened_scan_has_noise_of_variance_one():
    raw = scan(n_noise_samples=8000)
    white = prewhiten(raw)
    assert white.is_whitened
    assert white.array.dtype == np.complex64
    np.testing.assert_allclose(noise_covariance(white.noise), np.eye(6), atol=1e-5)
    clean = acquire_kspace(shepp_logan_2d(), GRID, CoilArray.loops(6))
    added = white.array - prewhiten(clean, covariance=noise_covariance(raw.noise)).array
    added = added[0, 0, :, 0].reshape(6, -1)
    np.testing.assert_allclose(added @ added.conj().T / added.shape[1], np.eye(6), atol=0.15)
    assert prewhiten(white) is white


def test_reference_lines_are_whitened_too():
    raw = scan(n_noise_samples=500)
    raw = replace(raw, calibration=raw.array[..., 12:36, 12:36])
    white = prewhiten(raw)
    np.testing.assert_allclose(white.calibration, white.array[..., 12:36, 12:36], rtol=1e-5)


def test_noise_that_tells_nothing_is_refused():
    with pytest.raises(InputError, match="no noise scan"):
        prewhiten(scan())
    with pytest.raises(InputError, match="too little noise"):
        noise_covariance(np.ones((11, 6), np.complex64))
    with pytest.raises(InputError, match="finite"):
        noise_covariance(np.full((20, 6), np.nan + 0j))
    with pytest.raises(InputError, match=r"coils \[1\]"):
        whitening_matrix(np.diag([1.0, 0.0, 2.0]).astype(complex))
    with pytest.raises(InputError, match="not independent"):
        whitening_matrix(np.ones((2, 2), complex))
    with pytest.raises(InputError, match="other coils"):
        prewhiten(scan(), covariance=np.eye(5))
