"""The normal operator of a NUFFT as one convolution on a grid of twice the size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from scanmill.arrays import Array, HostArray, to_device, to_host, xp_of
from scanmill.errors import InputError
from scanmill.operators.bounded_cache import BoundedCache, digest_of
from scanmill.operators.convolution import ConvolutionOp
from scanmill.operators.fourier import transform
from scanmill.operators.linear import Shape
from scanmill.operators.nufft import accuracy, checked_points
from scanmill.operators.nufft_plans import plan_of

SPECTRA: BoundedCache[Array] = BoundedCache(2**30)
"""The spectra of this process, by trajectory, weights and image."""
FINER = 100
"""How many times more accurate than the NUFFT's the kernel is: it is made once, and in double precision."""


class ToeplitzOp(ConvolutionOp):
    """Fᴴ W F of a `NufftOp` F and weights W of its samples, without the samples: (batch, coil, z, y, x) to the same.

    Fᴴ W F is a convolution with the point spread function, the sum over samples of w exp(2 pi i k d / N) / voxels for
    the differences d of two voxels: exact on a grid of 2 N - 1 (Wajer & Pruessmann, ISMRM 2001, 767; Fessler et al.,
    IEEE Trans. Signal Process. 53 (2005) 3393). ``points`` and ``eps`` are as in `NufftOp`; ``weights`` (shot, sample)
    or (batch or 1, shot, sample), at least zero, are such as a density compensation. The spectra are kept in the
    process for whoever comes with the same points and weights.

    >>> op = ToeplitzOp(np.array([[[0.0, 0.0]]]), (1, 1, 1, 1, 2), dtype=np.complex128)
    >>> op(np.array([1.0, 3.0]).reshape(op.in_shape)).real.round(6).ravel().tolist()
    [2.0, 2.0]
    """

    def __init__(
        self,
        points: npt.ArrayLike,
        shape: Shape,
        *,
        weights: Array | None = None,
        eps: float | None = None,
        dtype: Any = np.complex64,
        device: str = "cpu",
    ) -> None:
        items = checked_points(points, shape)
        kind = np.dtype(dtype)
        eps = max(accuracy(eps, kind) / FINER, 1e-14)
        real = np.finfo(kind).dtype
        each = _weights_of(weights, items.shape[:3], shape[0])
        if len(each) > len(items):
            items = np.broadcast_to(items, (len(each), *items.shape[1:]))
        spectra = [
            spectrum_of(item, each[i if len(each) > 1 else 0], shape[2:], eps, real, device)
            for i, item in enumerate(items)
        ]
        super().__init__(spectra[0][None] if len(spectra) == 1 else xp_of(spectra[0]).stack(spectra), shape, dtype=kind)


def _weights_of(weights: Array | None, samples: Shape, batch: int) -> HostArray:
    """The weights as float64 (batch or 1, shot, sample); InputError where they do not fit or one is negative."""
    if weights is None:
        return np.ones((1, *samples[1:]))
    array = np.asarray(to_host(weights), dtype=np.float64)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[1:] != samples[1:] or array.shape[0] not in (1, batch):
        raise InputError("weights for other samples", expected=f"({batch} or 1, {samples[1:]})", got=array.shape)
    if not (array >= 0).all():
        raise InputError("weights of samples are at least zero", got=float(array.min()))
    return array


def grid_of(shape: Shape) -> Shape:
    """The grid on which images (z, y, x) are convolved: at least 2 N - 1 points, of a length that FFTs like.

    >>> grid_of((1, 96, 127))
    (1, 192, 256)
    """
    return tuple(scipy.fft.next_fast_len(2 * n - 1) for n in shape)


def spectrum_of(
    points: HostArray, weights: HostArray, shape: Shape, eps: float, real: np.dtype[Any], device: str
) -> Array:
    """The spectrum (Z, Y, X) of the point spread function of ``points`` (shot, sample, d) for an image (z, y, x)."""
    grid = grid_of(shape)
    key = (digest_of(points), digest_of(weights), shape, eps, real, device)
    n_bytes = math.prod(grid) * real.itemsize
    return SPECTRA.get(key, lambda: _make_spectrum(points, weights, shape, grid, eps, real, device), n_bytes)


def _make_spectrum(
    points: HostArray, weights: HostArray, shape: Shape, grid: Shape, eps: float, real: np.dtype[Any], device: str
) -> Array:
    n_dims = points.shape[-1]
    lags = tuple(2 * n - 1 for n in shape[-n_dims:])
    kind = np.dtype(np.complex128)
    scaled = points.reshape(-1, n_dims) * (np.array(lags) / np.array(shape[-n_dims:]))[::-1]
    plan = plan_of(scaled, lags, eps, kind, device)
    samples = to_device(weights.reshape(1, -1).astype(kind), device)
    spread = xp_of(samples).empty((1, *lags), kind)
    plan.adjoint(samples, spread)
    around = xp_of(samples).zeros(grid[-n_dims:], kind)
    around[tuple(slice(n) for n in lags)] = spread[0]
    around = xp_of(samples).roll(around, [-(n // 2) for n in lags], tuple(range(n_dims)))
    spectrum = transform(around, tuple(range(n_dims))).real / math.prod(shape)
    return spectrum.astype(real).reshape(grid)
