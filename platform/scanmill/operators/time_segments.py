"""Phase that grows with time at a few given rates, from its values at a few moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError, SpecError

N_BINS = 256
"""Bins of the histogram of frequencies; finer makes no difference while a bin's width times the duration is small."""
MAX_SEGMENTS = 64


@dataclass(frozen=True, eq=False)
class TimeSegments:
    """exp(-2 pi i f t) ~ Σ over l of ``weights[l]``(t) exp(-2 pi i f ``moments[l]``).

    ``moments`` (segment) in s; ``weights`` (segment, \\*times), complex; ``error`` is the root-mean-square error over
    the frequencies, at the worst time.
    """

    moments: HostArray
    weights: HostArray
    error: float


def fit_segments(
    frequencies: HostArray, times: HostArray, *, n_segments: int | None = None, tolerance: float = 1e-3
) -> TimeSegments:
    """The best ``weights`` in the least-squares sense over the histogram of ``frequencies`` (Hz), at ``times`` (s).

    Moments are spread evenly over the times. Without ``n_segments`` there are as many as bring the error below
    ``tolerance``. With the histogram this is nearly the min-max interpolator, and much better than a Hann window
    between the moments (Noll et al., IEEE Trans. Med. Imaging 10 (1991) 629; Sutton, Noll & Fessler, ibid. 22 (2003)
    178, eqs. 13 to 18; Fessler et al., IEEE Trans. Signal Process. 53 (2005) 3393).

    >>> segments = fit_segments(np.linspace(-50, 50, 99), np.linspace(0, 0.01, 30))
    >>> len(segments.moments), segments.error < 1e-3
    (5, True)
    """
    if not (np.isfinite(frequencies).all() and np.isfinite(times).all()):
        raise InputError("a field map and its times must be finite", got="NaN or infinity")
    if (n_segments is not None and n_segments < 1) or tolerance <= 0:
        raise SpecError("segments of time need one, and a tolerance above 0", got=(n_segments, tolerance))
    counts, edges = np.histogram(frequencies, N_BINS)
    middles = (edges[1:] + edges[:-1]) / 2
    weight = np.sqrt(counts[:, None] / counts.sum())
    moment, place = np.unique(times, return_inverse=True)
    exact = weight * np.exp(-2j * np.pi * np.outer(middles, moment))
    for n in range(1, MAX_SEGMENTS + 1) if n_segments is None else [n_segments]:
        moments = np.linspace(moment[0], moment[-1], n) if n > 1 else moment[[len(moment) // 2]]
        basis = weight * np.exp(-2j * np.pi * np.outer(middles, moments))
        weights = np.linalg.lstsq(basis, exact, rcond=1e-10)[0]
        error = float(np.linalg.norm(basis @ weights - exact, axis=0).max())
        if error <= tolerance:
            break
    return TimeSegments(moments, weights[:, place.reshape(times.shape)], error)
