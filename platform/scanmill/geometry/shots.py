"""The shots of the usual non-Cartesian scans: spokes and spirals, in cycles per field of view."""

from __future__ import annotations

from typing import Literal

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

GOLDEN_RATIO = (1 + 5**0.5) / 2
GOLDEN_MEANS = (0.4656, 0.6823)
"""The two-dimensional golden means of Chan et al. (Magn Reson Med 61:354, 2009)."""
FINE = 32

Order = Literal["phyllotaxis", "golden_means"]


def lines(directions: HostArray, n_samples: int, matrix: int, *, is_symmetric: bool) -> HostArray:
    """Points (..., sample, d) along unit vectors (..., d) through the centre, over ``matrix`` cycles."""
    if n_samples < 1 or matrix < 1:
        raise InputError("a trajectory needs samples and a matrix", got=(n_samples, matrix))
    middle = (n_samples - 1) / 2 if is_symmetric else n_samples // 2
    radius = (np.arange(n_samples) - middle) * matrix / n_samples
    points: HostArray = directions[..., None, :] * radius[:, None]
    return points


def spirals(n_interleaves: int, n_samples: int, matrix: int, n_turns: float, density: float) -> HostArray:
    """Interleaved spirals (shot, sample, 2) of constant speed, from the centre to ``matrix / 2``."""
    if min(n_interleaves, n_samples - 1, matrix) < 1 or density <= 0:
        raise InputError(
            "a spiral needs interleaves, two samples and a density above 0", got=(n_interleaves, n_samples)
        )
    t = _even(n_samples, matrix / 2, 2 * np.pi * n_turns, density)
    first = 2 * np.pi * np.arange(n_interleaves)[:, None] / n_interleaves
    angle = first + 2 * np.pi * n_turns * t
    points: HostArray = matrix / 2 * t[:, None] ** density * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return points


def _even(n: int, radius: float, turn: float, density: float) -> HostArray:
    """The times 0 to 1 at which a spiral r = ``radius`` t^density, turning by ``turn``, is at ``n`` places that lie
    evenly along it; its length is summed over `FINE` chords between two of them."""
    t = np.linspace(0, 1, FINE * n + 1) ** (1 / min(density, 1.0))
    length = np.cumsum(abs(np.diff(radius * t**density * np.exp(1j * turn * t))))
    return np.asarray(np.interp(np.linspace(0, length[-1], n), [0, *length], t))


def ball(n_spokes: int, n_interleaves: int, order: Order) -> HostArray:
    """Unit vectors (spoke, 3) over the upper half of a ball, in the order of their acquisition."""
    if n_interleaves < 1 or n_spokes < 1 or n_spokes % n_interleaves:
        raise InputError("spokes must fill the interleaves", expected=f"a multiple of {n_interleaves}", got=n_spokes)
    if order == "phyllotaxis":
        n = np.arange(n_spokes).reshape(-1, n_interleaves).T.ravel()
        cosine, azimuth = np.cos(np.pi / 2 * np.sqrt(n / n_spokes)), 2 * np.pi / GOLDEN_RATIO**2 * n
    elif order == "golden_means":
        cosine, turns = (np.arange(n_spokes) * mean % 1 for mean in GOLDEN_MEANS)
        azimuth = 2 * np.pi * turns
    else:
        raise InputError("unknown order of spokes", expected="phyllotaxis or golden_means", got=order)
    sine = np.sqrt(1 - cosine**2)
    return np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=-1)
