"""From intensities to the few grey levels that textures are counted in."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.features.box import Region, cut_out
from scanmill.arrays import Array, to_host, xp_of
from scanmill.errors import InputError

MOST_LEVELS = 1024
"""A co-occurrence matrix has the square of it as its size."""


def grey_levels(
    image: Array,
    region: Region = None,
    *,
    bin_width: float,
    lower: float | None = None,
    n_levels: int | None = None,
) -> Array:
    """Levels 1, 2, ... of fixed bin width, int32, in the region's box; 0 marks voxels that are not in the region.

    level = ⌊(x − lower) / bin_width⌋ + 1: IBSI reference manual (arXiv 1612.07003 v11) section 2.7, fixed bin size.
    ``lower`` is the least value of the region unless it is given; give it to compare images of one unit (HU). With
    ``n_levels`` what lies outside counts in the first or the last level. InputError for over 1024 levels.

    >>> import numpy as np
    >>> grey_levels(np.array([[0.0, 24.0, 25.0], [60.0, 99.0, 7.0]]), bin_width=25.0).tolist()
    [[1, 1, 2], [3, 4, 1]]
    """
    xp = xp_of(image)
    part, inside = cut_out(image, region)
    if not bin_width > 0:
        raise InputError("a bin width is positive", got=bin_width)
    levels = part.astype(xp.float64)
    levels -= float(levels[inside].min()) if lower is None else lower
    levels /= bin_width
    xp.floor(levels, out=levels)
    levels += 1
    levels = xp.where(inside, xp.clip(levels, 1, xp.inf if n_levels is None else n_levels), 0)
    most = float(levels.max())
    if most > MOST_LEVELS:
        raise InputError("too many grey levels", expected=f"at most {MOST_LEVELS}", got=most, do="widen the bins")
    return levels.astype(xp.int32)


def level_statistics(levels: Array) -> dict[str, float]:
    """Entropy (bits) and uniformity of the histogram of levels: IBSI sections 3.4.18 and 3.4.19; 0 is outside.

    >>> import numpy as np
    >>> level_statistics(np.array([[1, 1, 2, 2, 0]]))
    {'entropy': 1.0, 'uniformity': 0.5}
    """
    xp = xp_of(levels)
    counts = to_host(xp.bincount(levels[levels > 0]))
    p = counts[counts > 0] / max(1, counts.sum())
    return {"entropy": float(abs((p * np.log2(p)).sum())), "uniformity": float((p * p).sum())}
