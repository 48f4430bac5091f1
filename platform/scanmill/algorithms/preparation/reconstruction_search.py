"""The axis of rotation by reconstructing with several: the right one makes the most plausible image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def negativity(image: Array) -> float:
    """Σ max(−image, 0) / Σ |image|: matter cannot be negative, and a wrong axis makes more of it.

    >>> negativity(np.array([3.0, -1.0]))
    0.25
    """
    xp = xp_of(image)
    whole = float(xp.abs(image).sum(dtype=xp.float64))
    return float(xp.maximum(-image, 0).sum(dtype=xp.float64)) / whole if whole else 0.0


def histogram_entropy(image: Array, *, n_bins: int = 256) -> float:
    """The entropy of the grey values in nats: a sharp image has few of them."""
    xp = xp_of(image)
    low, high = xp.percentile(image, xp.asarray([0.5, 99.5]))
    counts, _ = xp.histogram(image, bins=n_bins, range=(float(low), max(float(high), float(low) + 1e-30)))
    share = counts[counts > 0] / counts.sum()
    return float(-(share * xp.log(share)).sum())


def search_axis(
    reconstruct: Callable[[float], Array],
    low: float,
    high: float,
    *,
    score: Callable[[Array], float] = negativity,
    step: float = 1.0,
    tolerance: float = 0.05,
) -> float:
    """The axis column between ``low`` and ``high`` whose image has the least ``score``.

    ``reconstruct(column)`` gives the image, by filtered backprojection for instance; it works for any beam and arc.
    A grid at ``step`` columns, then a finer one around the best until it is finer than ``tolerance``. T. Donath,
    F. Beckmann, A. Schreyer, "Automated determination of the center of rotation in tomography data", J. Opt. Soc. Am.
    A 23 (2006) 1048, compare these scores.

    >>> round(search_axis(lambda column: np.array([1.0, -abs(column - 7.3)]), 4.0, 9.0), 1)
    7.3
    """
    if not (low < high and step > 0 and tolerance > 0):
        raise InputError("a search needs low < high and positive steps", got=(low, high, step, tolerance))
    grid = np.linspace(low, high, int(np.ceil((high - low) / step)) + 1)
    scores = {float(column): score(reconstruct(float(column))) for column in grid}
    while True:
        best = min(scores, key=lambda column: scores[column])
        if step <= tolerance:
            return best
        step /= 4
        for column in best + step * np.arange(-3, 4):
            inside = float(np.clip(column, low, high))
            if inside not in scores:
                scores[inside] = score(reconstruct(inside))
