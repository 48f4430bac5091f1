"""Noise pre-whitening: receivers mixed so that their noise is independent and of variance one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, xp_of
from scanmill.data import KSpace
from scanmill.errors import InputError

LEAST_SAMPLES = 2
"""A covariance needs so many times more samples than coils."""


def noise_covariance(noise: Array) -> Array:
    """The mean of n nᴴ over samples without signal (sample, coil): hermitian (coil, coil), complex128.

    Raises InputError for NaN, and where there are fewer samples than tell a covariance.
    """
    if noise.ndim != 2 or len(noise) < LEAST_SAMPLES * noise.shape[-1]:
        raise InputError("too little noise for a covariance", expected=f"(sample, coil), {LEAST_SAMPLES} samples or "
                         "more for each coil", got=tuple(noise.shape))  # fmt: skip
    require_finite(noise, "the noise scan")
    samples = noise.astype(np.complex128)
    return samples.T @ samples.conj() / len(samples)


def whitening_matrix(covariance: Array) -> Array:
    """W = L⁻¹ of the covariance Σ = L Lᴴ, so that W n has the identity as covariance: (coil, coil), complex128.

    K. P. Pruessmann, M. Weiger, P. Börnert, P. Boesiger, Magn. Reson. Med. 46 (2001) 638, section "Noise". Complex
    samples get variance 1, real and imaginary parts one half each. Raises InputError for dead or identical coils.

    >>> whitening_matrix(np.diag([4.0, 1.0]).astype(complex)).real.tolist()
    [[0.5, 0.0], [0.0, 1.0]]
    """
    xp = xp_of(covariance)
    diagonal = xp.diagonal(covariance).real
    if not bool((diagonal > 0).all()):
        dead = [int(i) for i in (~(diagonal > 0)).nonzero()[0]]
        raise InputError("coils without noise cannot be whitened", got=f"coils {dead}", do="leave dead coils out")
    try:
        return xp.linalg.inv(xp.linalg.cholesky(covariance))
    except np.linalg.LinAlgError as error:
        raise InputError("the noise of the coils is not independent", got=f"{len(covariance)} coils",
                         do="leave out coils that repeat others, or take more noise samples") from error  # fmt: skip


def prewhiten(kspace: KSpace, *, covariance: Array | None = None) -> KSpace:
    """The same scan by virtual coils whose noise is white: W y for its samples, calibration and noise.

    The covariance is that of ``kspace.noise`` unless given. A whitened scan comes back as it is. Raises InputError
    where there is no noise scan.
    """
    if kspace.is_whitened:
        return kspace
    if covariance is None:
        if kspace.noise is None:
            raise InputError("no noise scan to whiten with", do="give a covariance, or leave the step out")
        covariance = noise_covariance(kspace.noise)
    if covariance.shape != (kspace.n_coils, kspace.n_coils):
        raise InputError("the noise is of other coils", expected=kspace.n_coils, got=tuple(covariance.shape))
    W = whitening_matrix(covariance)
    return replace(
        kspace,
        array=mix_coils(kspace.array, W, axis=2),
        calibration=None if kspace.calibration is None else mix_coils(kspace.calibration, W, axis=2),
        noise=None if kspace.noise is None else mix_coils(kspace.noise, W, axis=1),
        is_whitened=True,
    )


def mix_coils(array: Array, matrix: Array, *, axis: int) -> Array:
    """Virtual coils: ``matrix`` (virtual, coil) applied along the axis of the coils, in the array's own type."""
    xp = xp_of(array)
    mixed = xp.tensordot(xp.asarray(matrix, dtype=array.dtype), array, axes=(1, axis))
    return xp.ascontiguousarray(xp.moveaxis(mixed, 0, axis))
