"""How much of a region has which intensity, in fixed bins: the same question to every scan."""

from __future__ import annotations

from scanmill.algorithms.features.box import Region, cut_out
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def intensity_profile(
    image: Array,
    region: Region = None,
    *,
    lower: float = -1000.0,
    upper: float = 1000.0,
    n_bins: int = 40,
    n_sections: int = 1,
) -> Array:
    """The fraction of voxels in each bin, (n_sections, n_bins), float64; the defaults are 50 HU wide, for CT.

    Bin k holds lower + k w ≤ value < lower + (k + 1) w. What lies below or above counts in the first or the last bin,
    so that the fractions add up to 1. The region's box is cut along its first axis into ``n_sections`` runs of equal
    length (a voxel belongs where its middle lies), each with its own fractions: with z as the first axis the profile
    of a body from end to end. A section without a voxel is 0 throughout.
    Raises InputError for a range that is none and for more sections than the box has planes.

    >>> import numpy as np
    >>> image = np.array([[-1500.0, -900.0], [40.0, 60.0]])
    >>> intensity_profile(image, lower=-1000, upper=1000, n_bins=4, n_sections=2).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """
    xp = xp_of(image)
    part, inside = cut_out(image, region)
    if not lower < upper or n_bins < 1:
        raise InputError("a profile needs lower < upper and 1 bin or more", got=(lower, upper, n_bins))
    if not 1 <= n_sections <= part.shape[0]:
        raise InputError("more sections than planes", expected=f"1 to {part.shape[0]}", got=n_sections)
    place = (part.astype(xp.float64) - lower) * (n_bins / (upper - lower))
    bins = xp.clip(xp.floor(place), 0, n_bins - 1).astype(xp.int64)
    plane = ((xp.arange(part.shape[0]) + 0.5) * n_sections / part.shape[0]).astype(xp.int64)
    bins += n_bins * plane.reshape(-1, *(1,) * (part.ndim - 1))
    counts = xp.bincount(bins[inside], minlength=n_sections * n_bins).reshape(n_sections, n_bins)
    return counts / xp.maximum(counts.sum(axis=1, keepdims=True), 1)
