"""Images of several modalities in one range of values, so that their structures can be compared."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.fusion.images import stacked
from scanmill.arrays import Array, xp_of

PERCENTILES = (0.5, 99.5)


def unit_ranges(images: Sequence[Array], percentiles: tuple[float, float] = PERCENTILES) -> list[Array]:
    """Each image so that its two ``percentiles`` become 0 and 1; what lies outside them is clipped.

    An image whose percentiles are one value (mostly background) takes its least and greatest value instead.

    >>> import numpy as np
    >>> [image.tolist() for image in unit_ranges([np.array([0.0, 2.0]), np.array([5.0, 9.0])], (0, 100))]
    [[0.0, 1.0], [0.0, 1.0]]
    """
    return [_unit_range(image, percentiles) for image in stacked(images)]


def _unit_range(image: Array, percentiles: tuple[float, float]) -> Array:
    xp = xp_of(image)
    low, high = (float(value) for value in xp.percentile(image, percentiles))
    if not high > low:
        low, high = float(image.min()), float(image.max())
    return xp.clip((image - low) / (high - low), 0, 1).astype(image.dtype, copy=False)
