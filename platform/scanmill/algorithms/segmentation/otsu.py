"""Otsu's threshold: the grey value that parts an image into two classes best."""

from __future__ import annotations

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def otsu_threshold(image: Array, *, n_bins: int = 256) -> float:
    """The centre of the histogram bin that maximises the variance between the classes; object = ``image > threshold``.

    N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. Syst. Man Cybern. 9 (1979) 62-66:
    σ²(k) = w₀(k) w₁(k) (μ₀(k) − μ₁(k))². Any shape; ``n_bins`` bins of one width from the least to the greatest value.
    Raises InputError for an image of one value and for NaN or infinity.

    >>> import numpy as np
    >>> round(otsu_threshold(np.array([0.0, 0.1, 0.1, 0.9, 1.0]), n_bins=10), 3)
    0.15
    """
    xp = xp_of(image)
    low, high = float(image.min()), float(image.max())
    if not low < high < float("inf") or low == -float("inf"):
        raise InputError("an image of one value or with NaN cannot be parted in two", got=(low, high))
    counts, edges = xp.histogram(image.ravel(), bins=n_bins, range=(low, high))
    counts, centers = counts.astype(xp.float64), (edges[:-1] + edges[1:]) / 2
    below, above = xp.cumsum(counts)[:-1], xp.cumsum(counts[::-1])[::-1][1:]
    mean_below = xp.cumsum(counts * centers)[:-1] / below
    mean_above = xp.cumsum((counts * centers)[::-1])[::-1][1:] / above
    between = below * above * (mean_below - mean_above) ** 2
    return float(centers[int(between.argmax())])
