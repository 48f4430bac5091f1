"""Correlated noise of receiver coils."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError


def random_covariance(n_coils: int, *, seed: int, sigma: float = 1.0, correlation: float = 0.3) -> HostArray:
    """A covariance (coil, coil) of noise, complex128, hermitian and positive definite.

    The coils' standard deviations lie within a factor of 2 around ``sigma``; ``correlation`` (0 to below 1) is the
    share of noise that they have in common.
    """
    if not 0 <= correlation < 1 or not sigma > 0:
        raise InputError("noise needs a sigma above 0 and a correlation from 0 to below 1", got=(sigma, correlation))
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((n_coils, n_coils)) + 1j * rng.standard_normal((n_coils, n_coils))
    mixing /= np.sqrt((np.abs(mixing) ** 2).sum(axis=1, keepdims=True))
    spread = sigma * 2.0 ** rng.uniform(-0.5, 0.5, n_coils)
    shared = correlation * mixing @ mixing.conj().T + (1 - correlation) * np.eye(n_coils)
    return np.asarray(spread[:, None] * shared * spread)


def draw_noise(covariance: npt.ArrayLike, n_samples: int, rng: np.random.Generator) -> HostArray:
    """Circular normal noise (coil, sample) whose E[n nᴴ] is ``covariance``, complex128.

    >>> noise = draw_noise(np.diag([4.0, 1.0]), 20000, np.random.default_rng(1))
    >>> np.abs(noise @ noise.conj().T / 20000).round(1).tolist()
    [[4.0, 0.0], [0.0, 1.0]]
    """
    covariance = np.asarray(covariance, dtype=np.complex128)
    if covariance.ndim != 2 or not np.allclose(covariance, covariance.conj().T):
        raise InputError("a covariance must be hermitian (coil, coil)", got=covariance.shape)
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError as error:
        raise InputError("a covariance must be positive definite", got=covariance.shape) from error
    parts = rng.standard_normal((2, len(covariance), n_samples))
    return np.asarray(root @ (parts[0] + 1j * parts[1]) / np.sqrt(2))
