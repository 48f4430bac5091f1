"""The ramp filter of filtered backprojection, band-limited in the spatial domain."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import scipy.fft

from scanmill.arrays import Array, HostArray, fft_of, xp_of
from scanmill.errors import SpecError

Window = Literal["ram-lak", "shepp-logan", "cosine", "hamming", "hann"]
BLOCK_SAMPLES = 1 << 19
"""How many padded samples are filtered at once, so that the transforms stay in the processor's cache."""
WIDEST_FAN = 3.0
"""No fan is wider, in rad: where the equiangular kernel ends, short of its pole at π."""


def ramp_kernel(n_samples: int, spacing: float, *, radius: float = np.inf) -> HostArray:
    """The sampled impulse response of the band-limited ramp in 1/mm², zero lag first, negative lags at the end.

    h(0) = 1 / (4 a²), h(n) = -1 / (π n a)² for odd n, 0 for even n (Kak & Slaney 1988, ch. 3, eq. 61). Sampling
    |f| in the frequency domain instead would set its mean to zero and darken the image. Samples at equal angles γ
    of a fan lie on an arc of ``radius`` mm, and h is times (γ / sin γ)² (ibid., eq. 105, with twice its h).

    >>> ramp_kernel(4, 1.0).round(4).tolist()
    [0.25, -0.1013, 0.0, -0.1013]
    """
    lag = np.minimum(np.arange(n_samples), n_samples - np.arange(n_samples))
    kernel = np.zeros(n_samples)
    kernel[0] = 0.25 / spacing**2
    odd = lag % 2 == 1
    gamma = np.minimum(lag[odd] * spacing / radius, WIDEST_FAN)
    kernel[odd] = -1.0 / (np.pi * lag[odd] * spacing * np.sinc(gamma / np.pi)) ** 2
    return kernel


def window_response(window: Window, fraction: HostArray) -> HostArray:
    """The window at ``fraction`` = frequency / cutoff frequency; zero above one."""
    x = np.minimum(fraction, 1.0)
    table = {
        "ram-lak": np.ones_like(x),
        "shepp-logan": np.sinc(x / 2),
        "cosine": np.cos(np.pi * x / 2),
        "hamming": 0.54 + 0.46 * np.cos(np.pi * x),
        "hann": 0.5 + 0.5 * np.cos(np.pi * x),
    }
    if window not in table:
        raise SpecError("unknown window of the ramp filter", expected=", ".join(get_args(Window)), got=window)
    return np.where(fraction <= 1.0, table[window], 0.0)


def ramp_response(
    n_samples: int, spacing: float, *, window: Window = "ram-lak", cutoff: float = 1.0, radius: float = np.inf
) -> HostArray:
    """The windowed ramp at the ``n_samples // 2 + 1`` frequencies of a real FFT, in 1/mm.

    ``cutoff`` is the highest passed frequency as a fraction of the Nyquist frequency, in (0, 1]; ``radius`` as in
    `ramp_kernel`.
    """
    if not 0 < cutoff <= 1:
        raise SpecError("the cutoff is a fraction of the Nyquist frequency", expected="in (0, 1]", got=cutoff)
    ramp = np.fft.rfft(ramp_kernel(n_samples, spacing, radius=radius)).real * spacing
    fraction = np.fft.rfftfreq(n_samples) / (0.5 * cutoff)
    return ramp * window_response(window, fraction.round(12))


def ramp_filter(
    projections: Array, spacing: float, *, window: Window = "ram-lak", cutoff: float = 1.0, radius: float = np.inf
) -> Array:
    """Filter the last axis of (view, row, column) projections whose columns are ``spacing`` mm apart.

    On an arc of ``radius`` mm around the focal spot the columns lie at equal angles; on a line it is infinite.

    q = a Σ h(n a) p((m - n) a) (Kak & Slaney 1988, ch. 3, eq. 63), zero padded to at least twice the length, so
    that no period reaches the next one. The unit is that of the projections times 1/mm.
    """
    xp, fft = xp_of(projections), fft_of(projections)
    n_columns = projections.shape[-1]
    n_padded = int(scipy.fft.next_fast_len(max(2 * n_columns, 64), real=True))
    response = ramp_response(n_padded, spacing, window=window, cutoff=cutoff, radius=radius)
    response = xp.asarray(response, dtype=projections.dtype)
    lines = projections.reshape(-1, n_columns)
    filtered = xp.empty_like(lines)
    block = max(1, BLOCK_SAMPLES // n_padded)
    for start in range(0, len(lines), block):
        spectrum = fft.rfft(lines[start : start + block], n=n_padded, axis=-1) * response
        filtered[start : start + block] = fft.irfft(spectrum, n=n_padded, axis=-1)[:, :n_columns]
    return filtered.reshape(projections.shape)
