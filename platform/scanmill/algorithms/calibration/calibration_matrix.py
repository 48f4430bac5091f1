"""The rows that neighbouring samples of all coils can form, and those that they cannot."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.errors import InputError

Kernel = tuple[int, int, int]
NOISE_SHARE = 0.25
"""The smallest quarter of the singular values is taken for noise."""


class RowSpace(NamedTuple):
    """Right singular vectors (coil · kernel, n) of a calibration matrix with its singular values, greatest first."""

    vectors: Array
    singular_values: HostArray
    n_rows: int


def kernel_of(calibration_shape: tuple[int, ...], width: int) -> Kernel:
    """``width`` samples along the axes (z, y, x) that were encoded, 1 along the others.

    Raises InputError where an axis of the calibration region is shorter than the kernel.
    """
    kernel = tuple(1 if n == 1 else width for n in calibration_shape[-3:])
    if any(n < k for n, k in zip(calibration_shape[-3:], kernel, strict=True)) or max(kernel) == 1:
        raise InputError(
            "the calibration region is smaller than the kernel",
            expected=f"(z, y, x) of {width} or more",
            got=tuple(calibration_shape[-3:]),
            do="take a smaller kernel, or give reference lines",
        )
    return kernel  # type: ignore[return-value]


def calibration_matrix(calibration: Array, kernel: Kernel) -> Array:
    """Every block of ``kernel`` samples (coil, z, y, x) as a row (block, coil · kernel): A of Uecker 2014, eq. 6."""
    xp = xp_of(calibration)
    windows = xp.lib.stride_tricks.sliding_window_view(calibration, kernel, axis=(1, 2, 3))
    return windows.transpose(1, 2, 3, 0, 4, 5, 6).reshape(math.prod(windows.shape[1:4]), -1)


def row_space(calibration: Array, kernel: Kernel) -> RowSpace:
    """The singular vectors of the calibration matrix, from the eigenvectors of Aᴴ A in double precision."""
    A = calibration_matrix(calibration, kernel).astype(np.complex128)
    xp = xp_of(A)
    squares, V = xp.linalg.eigh(A.conj().T @ A)
    return RowSpace(V[:, ::-1], np.sqrt(np.maximum(to_host(squares)[::-1], 0)), len(A))


def noise_sigma(rows: RowSpace, calibration_shape: tuple[int, ...], kernel: Kernel) -> float:
    """The standard deviation of complex noise in a sample, from the smallest singular values.

    They are compared with those of pure noise in a matrix of the same build, as in S. Iyer, F. Ong, K. Setsompop, M.
    Doneva, M. Lustig, Magn. Reson. Med. 84 (2020) 3423. 0 where the matrix has fewer rows than columns.
    """
    of_noise = _noise_singular_values(tuple(calibration_shape), kernel)
    n = min(len(of_noise), rows.n_rows)
    tail = slice(n - max(int(NOISE_SHARE * n), 1), n)
    return float(np.median(rows.singular_values[tail] / of_noise[tail])) if of_noise[n - 1] > 0 else 0.0


@lru_cache(maxsize=16)
def _noise_singular_values(calibration_shape: tuple[int, ...], kernel: Kernel) -> HostArray:
    parts = np.random.default_rng(0).standard_normal((2, *calibration_shape))
    A = calibration_matrix((parts[0] + 1j * parts[1]) / np.sqrt(2), kernel)
    return np.sqrt(np.maximum(np.linalg.eigvalsh(A.conj().T @ A)[::-1], 0))
