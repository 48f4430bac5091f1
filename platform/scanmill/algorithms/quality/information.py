"""Information by histograms: entropy, and what two images tell of each other."""

from __future__ import annotations

from scanmill.algorithms.quality.agreement import same_shape
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError

BINS = 256
Limits = tuple[float, float]


def entropy(image: Array, *, n_bins: int = BINS, limits: Limits | None = None) -> float:
    """H = −Σ p log₂ p over the histogram, in bits; 0 for an image of one value.

    ``n_bins`` bins of one width from ``limits[0]`` to ``limits[1]``, by default from the least to the greatest value;
    what lies outside counts in the outermost bins. For 8-bit images take (0, 255), so that each grey value has its bin.

    >>> import numpy as np
    >>> entropy(np.array([0.0, 0.0, 1.0, 2.0]), n_bins=3)
    1.5
    """
    bins = _binned(image, n_bins, limits)
    return _entropy(xp_of(image).bincount(bins, minlength=n_bins))


def mutual_information(
    image: Array, reference: Array, *, n_bins: int = BINS, limits: Limits | None = None,
    reference_limits: Limits | None = None,
) -> float:  # fmt: skip
    """I = H(image) + H(reference) − H(both) in bits, ≥ 0; 0 for images that tell nothing of each other.

    Each has bins of its own. Many bins and few voxels make it too great: about (n_bins − 1)² / (2 n_voxels ln 2) for
    images that have nothing in common.

    >>> import numpy as np
    >>> a = np.array([0.0, 0.0, 1.0, 1.0])
    >>> mutual_information(a, a, n_bins=2), mutual_information(a, np.array([0.0, 1.0, 0.0, 1.0]), n_bins=2)
    (1.0, 0.0)
    """
    first, second, joint = _entropies(image, reference, n_bins, limits, reference_limits)
    return max(first + second - joint, 0.0)


def normalized_mutual_information(
    image: Array, reference: Array, *, n_bins: int = BINS, limits: Limits | None = None,
    reference_limits: Limits | None = None,
) -> float:  # fmt: skip
    """2 I / (H(image) + H(reference)), 0 to 1 (1: each tells all of the other).

    M. Hossny, S. Nahavandi, D. Creighton, Electron. Lett. 44 (2008) 1066. Raises InputError if both are of one value.

    >>> import numpy as np
    >>> normalized_mutual_information(np.array([0.0, 1.0]), np.array([5.0, 2.0]))
    1.0
    """
    first, second, joint = _entropies(image, reference, n_bins, limits, reference_limits)
    if not first + second > 0:
        raise InputError("images of one value have no information to share")
    return 2 * max(first + second - joint, 0.0) / (first + second)


def _entropies(
    image: Array, reference: Array, n_bins: int, limits: Limits | None, reference_limits: Limits | None
) -> tuple[float, float, float]:
    """Of the image, of the reference, and of both together."""
    same_shape(image, reference)
    xp = xp_of(image)
    a, b = _binned(image, n_bins, limits), _binned(reference, n_bins, reference_limits)
    joint = xp.bincount(a * n_bins + b, minlength=n_bins**2).reshape(n_bins, n_bins)
    return _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0)), _entropy(joint)


def _binned(image: Array, n_bins: int, limits: Limits | None) -> Array:
    """The bin of each voxel, flat."""
    xp = xp_of(image)
    low, high = (float(image.min()), float(image.max())) if limits is None else limits
    share = (image.reshape(-1).astype(xp.float64) - low) / ((high - low) or 1.0)
    return xp.clip(share * n_bins, 0, n_bins - 1).astype(xp.int64)


def _entropy(counts: Array) -> float:
    xp = xp_of(counts)
    shares = counts[counts > 0].astype(xp.float64) / int(counts.sum())
    return abs(float((shares * xp.log2(shares)).sum()))
