"""Shearlets by the FFT: a tight frame of directional bands that are not decimated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, fft_of, xp_of
from scanmill.errors import SpecError
from scanmill.operators.linear import LinearOperator, Shape

DIRECTIONS = (8, 8, 16, 16)
"""Directions of each scale, coarse to fine: they double at every second one, so that width ~ length²."""


class ShearletOp(LinearOperator):
    """Slices (..., y, x) to their bands (band, ..., y, x); ``op.H @ op`` is the identity.

    Band 0 is the low pass, then come the scales from coarse to fine, each with its directions in turn: the first has
    fine structure along y (frequencies along x). The windows are Meyer's, over the greater of |fx| and |fy| (scales,
    octave by octave) and over the slope within the cones (directions); horizontal and vertical cone are joined along
    their seams. Nothing is decimated, so that the bands move with the image, which goes on periodically. Samples at
    half the sampling rate have no sign of their own and share their squared windows, so real images have real bands.

    Source: S. Häuser, G. Steidl, "Fast finite shearlet transform" (arXiv:1202.1773); K. Guo, D. Labate, SIAM J. Math.
    Anal. 39 (2007) 298.

    >>> op = ShearletOp((1, 32, 32), dtype=np.float64)
    >>> op.out_shape, bool(abs(op.H(op(np.eye(32)[None])) - np.eye(32)).max() < 1e-12)
    ((49, 1, 32, 32), True)
    """

    def __init__(self, shape: Shape, directions: Sequence[int] = DIRECTIONS, *, dtype: Any = np.float32) -> None:
        if not directions or any(n < 4 or n % 4 for n in directions):
            raise SpecError(
                "directions of shearlets come in fours", expected="4, 8, ... a scale", got=tuple(directions)
            )
        if np.dtype(dtype).kind != "f":
            raise SpecError("shearlets take real images", expected="float32 or float64", got=np.dtype(dtype).name)
        super().__init__(shape, (1 + sum(directions), *shape), dtype)
        self._windows = _windows(self.in_shape[-2:], directions, self.dtype)

    def _apply(self, x: Array) -> Array:
        fft, out = fft_of(x), xp_of(x).empty(self.out_shape, self.dtype)
        spectrum = fft.rfft2(x)
        for band, window in enumerate(self._windows):
            out[band] = fft.irfft2(spectrum * xp_of(x).asarray(window), self.in_shape[-2:])
        return out

    def _adjoint(self, y: Array) -> Array:
        fft, xp = fft_of(y), xp_of(y)
        bands = (fft.rfft2(band) * xp.asarray(window) for band, window in zip(y, self._windows, strict=True))
        total = next(bands)
        for band in bands:
            total += band
        return fft.irfft2(total, self.in_shape[-2:]).astype(self.dtype, copy=False)


def _windows(shape: Shape, directions: Sequence[int], dtype: Any) -> HostArray:
    """(band, y, x // 2 + 1) whose squares add up to one everywhere."""
    fy, fx = np.meshgrid(*(2 * np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius, position = np.maximum(abs(fx), abs(fy)), _perimeter(fx, fy)
    lows = [_low_pass(radius, 2.0 ** (scale - len(directions))) for scale in range(len(directions))]
    lows.append(np.ones_like(radius))
    windows = [_even(lows[0] ** 2).astype(dtype)]
    for scale, n in enumerate(directions):
        ring = np.clip(lows[scale + 1] ** 2 - lows[scale] ** 2, 0, None)
        windows += [_even(ring * _sector(position, direction, n)).astype(dtype) for direction in range(n)]
    return np.stack(windows)


def _even(square: HostArray) -> HostArray:
    """The window of that square, made equal at f and -f, of which the half that `rfft2` has is kept."""
    mirrored = np.roll(square[::-1, ::-1], (1, 1), (0, 1))
    return np.asarray(np.sqrt((square + mirrored) / 2)[:, : square.shape[1] // 2 + 1])


def _perimeter(fx: HostArray, fy: HostArray) -> HostArray:
    """Where the line through ±f meets half the unit square: -1 to 1 in the horizontal cone, 1 to 3 in the vertical."""
    horizontal = abs(fx) >= abs(fy)
    slope = np.divide(fy, fx, out=np.zeros_like(fx), where=horizontal & (fx != 0))
    return np.where(horizontal, slope, 2 - np.divide(fx, fy, out=np.zeros_like(fx), where=~horizontal))


def _low_pass(radius: HostArray, cutoff: float) -> HostArray:
    """1 up to half the cut-off, 0 from the cut-off on."""
    return np.asarray(np.cos(np.pi / 2 * _meyer(2 * radius / cutoff - 1)))


def _sector(position: HostArray, direction: int, n: int) -> HostArray:
    """The squared window of one of ``n`` directions; those of neighbours add up to one."""
    away = abs((position * n / 4 - direction + n / 2) % n - n / 2)
    return np.asarray(np.cos(np.pi / 2 * _meyer(away)) ** 2)


def _meyer(x: HostArray) -> HostArray:
    """Meyer's step: v(x) + v(1 - x) = 1, three derivatives are continuous."""
    x = np.clip(x, 0, 1)
    return np.asarray(x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3))
