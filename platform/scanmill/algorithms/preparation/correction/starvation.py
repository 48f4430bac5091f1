"""Rays that hardly a photon survives: neighbours are averaged before the logarithm makes a bias of their noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import InputError

ENOUGH_PHOTONS = 30.0
SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Widths of the Gaussians in pixels; the narrowest with photons enough is taken."""
EXPECTED_SIGMA = 2.0
"""The width over which the expected count is estimated."""


class Unstarved(NamedTuple):
    """``transmission`` (view, row, column); the shares of its pixels that were smoothed, and that counted nothing."""

    transmission: Array
    smoothed_share: float
    zero_share: float


def smooth_starved(transmission: Array, photons: float | Array, *, threshold: float = ENOUGH_PHOTONS) -> Unstarved:
    """Average a pixel with its neighbours on the detector where it counts fewer than ``threshold`` photons.

    The mean of −log T of few photons is too large and at last infinite, while the mean of T is right: so T is blurred
    and not the line integral. ``photons`` (number, or broadcast to (view, row, column)) is the incident number; the
    expected count is that of T blurred over `EXPECTED_SIGMA`, so that the choice follows no single photon. After
    J. Hsieh, "Adaptive streak artifact reduction in CT resulting from excessive X-ray photon noise", Med. Phys. 25
    (1998) 2139.
    Pixels with enough photons keep their value exactly. Raises InputError for photons that are not positive.

    >>> smooth_starved(np.full((1, 1, 4), 0.5), 1000.0).smoothed_share
    0.0
    """
    xp = xp_of(transmission)
    require_finite(transmission, "the transmission")
    incident = xp.broadcast_to(xp.asarray(photons, dtype=transmission.dtype), transmission.shape)
    if not bool((incident > 0).all()):
        raise InputError("incident photons must be positive everywhere", got=float(incident.min()))
    if not threshold > 0:
        raise InputError("the threshold counts photons", expected="above 0", got=threshold)
    counted = _blurred(transmission, incident, EXPECTED_SIGMA) * incident
    wanted = threshold / xp.maximum(counted, 1e-6)
    starved = wanted > 1
    zero = float((transmission * incident < 0.5).mean(dtype=xp.float64))
    result, enough = transmission, 1.0
    for sigma in SIGMAS if bool(starved.any()) else ():
        result = xp.where(wanted > enough, _blurred(transmission, incident, sigma), result)
        enough = _collected(sigma, 2 if transmission.shape[1] > 1 else 1)
    return Unstarved(result, float(starved.mean(dtype=xp.float64)), zero)


def _collected(sigma: float, rank: int) -> float:
    """How many pixels' photons a Gaussian collects: 1 / Σ w²."""
    line = np.zeros(16 * int(np.ceil(sigma)) + 1)
    line[len(line) // 2] = 1.0
    weights = ndimage_of(line).gaussian_filter1d(line, sigma)
    return float((1 / (weights**2).sum()) ** rank)


def _blurred(transmission: Array, incident: Array, sigma: float) -> Array:
    """The mean transmission around each pixel, each photon counting once."""
    blur = ndimage_of(transmission).gaussian_filter
    width = (0.0, sigma if transmission.shape[1] > 1 else 0.0, sigma)
    return blur(transmission * incident, width, mode="nearest") / blur(incident, width, mode="nearest")
