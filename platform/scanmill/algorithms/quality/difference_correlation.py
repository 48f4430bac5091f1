"""SCD: whether each image's own part is what a fusion has beyond the others."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.quality.agreement import same_shape
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def sum_of_difference_correlations(fused: Array, images: Sequence[Array]) -> float:
    """r(F − B, A) + r(F − A, B) for two images, −2 to 2, the greater the better; all in one range of values.

    Of more images: Σᵢ r(F − mean of the others, Iᵢ). A difference of one value has correlation 0.

    Source: V. Aslantas, E. Bendes, "A new image quality metric for image fusion: the sum of the correlations of
    differences", AEÜ Int. J. Electron. Commun. 69 (2015) 1890. Raises InputError for other shapes or a single image.

    >>> import numpy as np
    >>> a, b = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    >>> round(sum_of_difference_correlations(a + b, [a, b]), 6)
    2.0
    """
    if len(images) < 2:
        raise InputError("a fusion has images", expected="two or more", got=len(images))
    for image in images:
        same_shape(image, fused)
    xp = xp_of(fused)
    f, sources = fused.astype(xp.float64), [image.astype(xp.float64) for image in images]
    total, others = sum(sources), len(sources) - 1
    return sum(_correlation(f - (total - own) / others, own) for own in sources)


def _correlation(a: Array, b: Array) -> float:
    """Pearson's, 0 where one of both is constant but for rounding."""
    xp = xp_of(a)
    rounding = 1e-12 * max(float(abs(a).max()), float(abs(b).max()), 1e-300)
    a, b = a - a.mean(), b - b.mean()
    lengths = [float(xp.sqrt((v * v).mean())) for v in (a, b)]
    return float((a * b).mean()) / (lengths[0] * lengths[1]) if min(lengths) > rounding else 0.0
