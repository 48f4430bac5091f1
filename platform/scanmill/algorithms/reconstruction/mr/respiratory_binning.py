"""Respiratory binning by self-navigation: how high the body lies, from a projection measured again and again."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from scanmill.arrays import Array, HostArray, fft_of, to_host, xp_of
from scanmill.errors import InputError, SpecError

Method = Literal["center_of_mass", "phase"]
Spacing = Literal["position", "count"]
OUTLIERS = 1.0
"""Per cent of the positions at either end that bins of equal width leave out: swallows and sighs."""


def respiratory_signal(
    navigators: Array, *, method: Method = "center_of_mass", interval_s: float | None = None, highest_hz: float = 0.7
) -> HostArray:
    """The position along a projection at each time, in voxels from the centre of the field of view: float64 (time,).

    ``navigators`` (time, coil, sample) are the same line of k-space through its centre, at every time; for breathing
    one along z, from foot to head (Stehning et al., Magn. Reson. Med. 54 (2005) 476). ``"center_of_mass"`` is that of
    the projection's magnitude; ``"phase"`` is the angle of Σ y(k + 1) conj y(k), the circular mean of its square, which
    a floor of noise does not pull to the middle. Coils agree by the first principal component of their words, weighted
    by their signal, so that those near the diaphragm count. It moves with the body, but by less, as far as parts of the
    projection stay: good for bins, not for correcting.

    With the ``interval_s`` between two navigators, what is faster than ``highest_hz``, heart beats, is taken out (a
    Butterworth filter of second order, both ways). Raises InputError where there are less than three times,
    or no signal.
    """
    if method not in get_args(Method):
        raise SpecError("unknown self-navigation", expected=", ".join(get_args(Method)), got=method)
    if navigators.ndim != 3 or navigators.shape[0] < 3 or navigators.shape[2] < 2:
        raise InputError(
            "self-navigation needs lines", expected="(3 or more times, coil, sample)", got=navigators.shape
        )
    xp = xp_of(navigators)
    energy = to_host(xp.sum(xp.square(xp.abs(navigators)), axis=(0, 2), dtype=np.float64))
    if not (np.isfinite(energy).all() and energy.sum() > 0):
        raise InputError("self-navigation needs finite lines with signal", got="NaN or zeros")
    positions = to_host(_centers(navigators) if method == "center_of_mass" else _angles(navigators)).astype(np.float64)
    signal = _agreed(positions[:, energy > 0], np.sqrt(energy[energy > 0]))
    return signal if interval_s is None else _low_pass(signal, interval_s, highest_hz)


def respiratory_bins(signal: npt.ArrayLike, n_bins: int, *, by: Spacing = "position") -> HostArray:
    """The bin 0 ... n_bins - 1 of every time, growing with the position; -1 for those left out: int64 (time,).

    ``"position"``: bins of equal width between the first and the last per cent of positions, so that the motion left
    within a bin is the same in all; ``"count"``: as many times in each, as XD-GRASP has it (Feng et al., Magn. Reson.
    Med. 75 (2016) 775). Raises InputError where a bin would be empty.

    >>> respiratory_bins([0.0, 1.0, 2.0, 3.0], 2, by="count").tolist()
    [0, 0, 1, 1]
    """
    s = np.asarray(signal, dtype=np.float64)
    if by not in get_args(Spacing) or n_bins < 1:
        raise SpecError("unknown respiratory bins", expected='by="position" or "count", n_bins >= 1', got=(by, n_bins))
    if s.ndim != 1 or not np.isfinite(s).all():
        raise InputError("respiratory bins need a finite position for every time", got=s.shape)
    if by == "count":
        bins = np.empty(len(s), np.int64)
        bins[np.argsort(s, kind="stable")] = np.arange(len(s)) * n_bins // len(s)
    else:
        low, high = np.percentile(s, [OUTLIERS, 100 - OUTLIERS])
        width = (high - low) / n_bins
        bins = np.clip(np.floor((s - low) / (width or 1.0)), 0, n_bins - 1).astype(np.int64)
        bins[(s < low) | (s > high)] = -1
    counts = np.bincount(bins[bins >= 0], minlength=n_bins)
    if counts.min() == 0:
        raise InputError("a respiratory bin is empty", got=f"{counts.tolist()} times", do="ask for fewer bins")
    return bins


def binned_projections(
    y: Array, points: npt.ArrayLike, bins: npt.ArrayLike, *, per_navigator: int
) -> list[tuple[Array, HostArray]]:
    """Data (coil, projection, sample) and points (projection, sample, d) of each bin, in the order of acquisition.

    Projection p belongs to time p // ``per_navigator``, with bin ``bins[p // per_navigator]``; times with bin -1 are
    left out. Raises InputError where the bins do not cover the projections.
    """
    k, labels = np.asarray(points, dtype=np.float64), np.asarray(bins)
    n_projections = y.shape[1]
    if k.shape[0] != n_projections or len(labels) != math.ceil(n_projections / per_navigator):
        raise InputError(
            "bins and projections do not fit",
            expected=f"a bin for each {per_navigator} of {n_projections} projections",
            got=len(labels),
        )
    of_projection = np.repeat(labels, per_navigator)[:n_projections]
    chosen = [np.flatnonzero(of_projection == number) for number in range(labels.max() + 1)]
    return [(y[:, where], k[where]) for where in chosen]


def _centers(navigators: Array) -> Array:
    """Σ z |p(z)| / Σ |p(z)| of every time and coil, in voxels from the centre."""
    xp, fft, n = xp_of(navigators), fft_of(navigators), navigators.shape[2]
    size = xp.abs(fft.fftshift(fft.ifft(fft.ifftshift(navigators, axes=2), axis=2), axes=2))
    z = xp.arange(n) - n // 2
    return (size * z).sum(axis=2) / xp.maximum(size.sum(axis=2), np.finfo(size.dtype).tiny)


def _angles(navigators: Array) -> Array:
    """The circular mean of |p(z)|², in voxels from the centre."""
    xp, n = xp_of(navigators), navigators.shape[2]
    turned = (navigators[..., 1:] * navigators[..., :-1].conj()).sum(axis=2)
    return -xp.angle(turned) * n / (2 * np.pi)


def _agreed(positions: HostArray, weights: HostArray) -> HostArray:
    """The first principal component of (time, coil), as a weighted mean of the coils' positions."""
    moves = (positions - positions.mean(axis=0)) * weights
    _, vectors = np.linalg.eigh(moves.T @ moves)
    share = vectors[:, -1] * weights
    if abs(share.sum()) <= 1e-6 * np.abs(share).sum():
        share = np.abs(share)
    return np.asarray(positions @ (share / share.sum()))


def _low_pass(signal: HostArray, interval_s: float, highest_hz: float) -> HostArray:
    from scipy.signal import butter, sosfiltfilt

    nyquist = 0.5 / interval_s
    if not highest_hz > 0:
        raise SpecError("the highest frequency must be positive", got=highest_hz)
    if highest_hz >= nyquist:
        return signal
    filtered: HostArray = sosfiltfilt(
        butter(2, highest_hz / nyquist, output="sos"), signal, padtype="odd", padlen=min(9, len(signal) - 1)
    )
    return filtered
