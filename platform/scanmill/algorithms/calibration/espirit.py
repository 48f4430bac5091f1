"""ESPIRiT: coil sensitivities as eigenvectors of what a calibration region says about k-space."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from scanmill.algorithms.calibration.calibration_matrix import Kernel, RowSpace, kernel_of, noise_sigma, row_space
from scanmill.algorithms.calibration.leading_eigenvectors import leading_eigenvectors
from scanmill.algorithms.calibration.principal_coil import principal_coil, turn_to
from scanmill.algorithms.calibration.shrinkage import sure_threshold
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, HostArray, is_device_array, xp_of
from scanmill.errors import InputError, SpecError

PIECE_BYTES = 1 << 20
"""The matrices of so many voxels are solved at once, small enough for a core's cache."""
SMALL_MATRIX = 1024
"""Coils times samples of the kernel up to which one core is as fast as several."""


class EspiritMaps(NamedTuple):
    """``coil_sensitivities`` (batch, set, coil, z, y, x) of norm 1 or 0 over the coils, and ``eigenvalues`` (batch,
    set, z, y, x): 1 where the set explains the calibration region, less where there is no signal."""

    coil_sensitivities: Array
    eigenvalues: Array


def espirit(
    calibration: Array,
    image_shape: tuple[int, int, int],
    *,
    n_sets: int = 1,
    kernel_width: int = 6,
    threshold: float | None = None,
    sigma: float | None = None,
    crop: float = 0.8,
    is_smooth: bool = False,
) -> EspiritMaps:
    """Sensitivities on ``image_shape`` (z, y, x) from the middle of k-space, ``calibration`` (batch, coil, z, y, x).

    The singular vectors V of all blocks of ``kernel_width`` samples span what k-space can be; sensitivities are the
    eigenvectors, of eigenvalue 1, of the projection on them, which in the image is one small matrix per voxel:
    M. Uecker et al., Magn. Reson. Med. 71 (2014) 990. Zero frequency of ``calibration`` is at n // 2; its field of
    view is the image's. Items of the batch are independent.

    ``threshold`` cuts off singular values σ below that share of the greatest (BART's -t is of σ², so its 0.001 is 0.032
    here); None weights their vectors softly by (σ − λ)₊ / σ with the λ of `sure_threshold` for noise of deviation
    ``sigma`` in a sample, estimated where that is None (whitened samples have 1): S. Iyer, F. Ong, K. Setsompop, M.
    Doneva, M. Lustig, Magn. Reson. Med. 84 (2020) 3423. Voxels whose eigenvalue
    is below ``crop`` get zeros; with ``is_smooth`` maps fade out instead, times an S-curve of √eigenvalue around
    ``crop``. The phase is that against the first principal component of the coils, so neighbours agree.
    Raises InputError where the region is smaller than the kernel or holds no signal, SpecError for wrong knobs.
    """
    if not (n_sets >= 1 and kernel_width >= 2 and 0 <= crop < 1 and (threshold is None or 0 <= threshold < 1)):
        raise SpecError("ESPIRiT needs a set, a kernel of 2 or more, a crop and a threshold from 0 to below 1",
                        got=(n_sets, kernel_width, crop, threshold))  # fmt: skip
    if (
        calibration.ndim != 5
        or n_sets > calibration.shape[1]
        or any(n < m for n, m in zip(image_shape, calibration.shape[2:], strict=True))
    ):
        raise InputError(
            "a calibration region of another shape",
            expected=f"(batch, coil, z, y, x), {n_sets} coils or more, (z, y, x) up to {image_shape}",
            got=tuple(calibration.shape),
        )
    require_finite(calibration, "the calibration region")
    from scanmill.kernels.blas import one_core

    kernel = kernel_of(calibration.shape, kernel_width)
    xp, (n_items, n_coils) = xp_of(calibration), calibration.shape[:2]
    maps = xp.empty((n_items, n_sets, n_coils, *image_shape), dtype=np.complex64)
    values = xp.empty((n_items, n_sets, *image_shape), dtype=np.float32)
    with one_core(n_coils * math.prod(kernel) <= SMALL_MATRIX):
        for item, block in enumerate(calibration):
            rows = row_space(block, kernel)
            if not rows.singular_values[0] > 0:
                raise InputError("the calibration region holds no signal", where=f"item {item} of the batch")
            weights = _weights(rows, block.shape, kernel, threshold, sigma)
            _solve(_correlations(rows.vectors, weights, kernel, n_coils), maps[item], values[item])
            turn_to(maps[item], principal_coil(block))
    maps *= _fade(values, crop, is_smooth)[:, :, None]
    return EspiritMaps(maps, values)


def _weights(
    rows: RowSpace, shape: tuple[int, ...], kernel: Kernel, threshold: float | None, sigma: float | None
) -> HostArray:
    """How much every singular vector counts, 0 to 1."""
    s = rows.singular_values
    if threshold is not None:
        return np.asarray(s > threshold * s[0], dtype=np.float64)
    level = noise_sigma(rows, shape, kernel) if sigma is None else sigma
    cut = sure_threshold(s, (rows.n_rows, len(s)), level)
    return np.asarray(np.maximum(s - cut, 0) / np.maximum(s, np.finfo(np.float64).tiny))


def _correlations(V: Array, weights: HostArray, kernel: Kernel, n_coils: int) -> Array:
    """Σ over p − p' = d of (V w² Vᴴ)[c, p; c', p'] / kernel size: (z, y, x of d, c, c'), complex64.

    A row of the calibration matrix is a block as it stands, so the projection of a block is conj(V) w² Vᵀ.
    """
    xp = xp_of(V)
    chosen = np.flatnonzero(weights)
    kept = V[:, chosen].conj() * xp.asarray(weights[chosen])
    projection = (kept @ kept.conj().T).astype(np.complex64)
    projection = projection.reshape(n_coils, *kernel, n_coils, *kernel)[..., ::-1, ::-1, ::-1]
    total = xp.zeros((n_coils, n_coils, *(2 * k - 1 for k in kernel)), dtype=np.complex64)
    for p in product(*(range(k) for k in kernel)):
        window = tuple(slice(i, i + k) for i, k in zip(p, kernel, strict=True))
        total[(..., *window)] += projection[(slice(None), *p)]
    return total.transpose(2, 3, 4, 0, 1) / math.prod(kernel)


def _solve(correlations: Array, maps: Array, values: Array) -> None:
    """The leading eigenvectors of G(r) = Σ_d correlations(d) exp(2πi d·r / N) at every voxel, into ``maps``."""
    xp, (n_sets, n_coils, nz, ny, nx) = xp_of(maps), maps.shape
    dz, dy, dx = correlations.shape[:3]
    waves = [xp.asarray(_waves(n, d)) for n, d in zip((nz, ny, nx), (dz, dy, dx), strict=True)]
    along_x = xp.tensordot(waves[2], correlations, axes=(1, 2)).transpose(1, 2, 0, 3, 4)
    rows = max(1, PIECE_BYTES // (8 * nx * n_coils**2))
    starts = [(z, y) for z in range(nz) for y in range(0, ny, rows)]
    planes = [xp.tensordot(wave, along_x, axes=(0, 0)).reshape(dy, -1) for wave in waves[0]]

    def work(piece: int) -> None:
        z, y = starts[piece]
        matrices = (waves[1][y : y + rows] @ planes[z]).reshape(-1, n_coils, n_coils)
        eigenvalues, vectors = leading_eigenvectors(matrices, n_sets)
        values[:, z, y : y + rows] = eigenvalues.T.reshape(n_sets, -1, nx)
        maps[:, :, z, y : y + rows] = vectors.transpose(2, 1, 0).reshape(n_sets, n_coils, -1, nx)

    if is_device_array(maps):
        for piece in range(len(starts)):
            work(piece)
    else:
        from scanmill.kernels.blas import one_core
        from scanmill.kernels.pieces import share_out

        with one_core():
            share_out(work, len(starts))


def _waves(n: int, n_shifts: int) -> HostArray:
    """exp(2πi d r / n), r and d counted from their middle, (n, shift), complex64."""
    r, d = np.arange(n) - n // 2, np.arange(n_shifts) - n_shifts // 2
    return np.asarray(np.exp(2j * np.pi * np.outer(r, d) / n), dtype=np.complex64)


def _fade(eigenvalues: Array, crop: float, is_smooth: bool) -> Array:
    """What maps are multiplied by: 0 or 1, or an S-curve from 0 to 1."""
    xp = xp_of(eigenvalues)
    if not is_smooth:
        return (eigenvalues >= crop).astype(np.float32)
    t = xp.clip((xp.sqrt(xp.maximum(eigenvalues, 0)) - crop) / (1 - crop), -1, 1)
    return (0.5 + t / (1 + t * t)).astype(np.float32)
