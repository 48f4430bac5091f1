"""Fusion by one weight an image: the average, and the first principal component."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.algorithms.fusion.images import stacked
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import SpecError


def weighted_average(images: Sequence[Array], weights: Sequence[float] | None = None) -> Array:
    """Σ wᵢ Iᵢ / Σ wᵢ; equal ``weights`` where none are given.

    Raises SpecError for weights that are negative, sum to zero, or are not one an image.

    >>> import numpy as np
    >>> weighted_average([np.array([0.0, 1.0]), np.array([4.0, 2.0])], [3, 1]).tolist()
    [1.0, 1.25]
    """
    stack = stacked(images)
    total = xp_of(stack).zeros_like(stack[0])
    for part, image in zip(checked_weights(weights, len(stack)), stack, strict=True):
        total += stack.dtype.type(part) * image
    return total


def checked_weights(weights: Sequence[float] | None, n: int) -> HostArray:
    """``n`` weights of sum one, float64; equal ones for None."""
    given = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any() or not given.sum() > 0:
        raise SpecError("a weight for each, none negative, not all zero", expected=f"{n} numbers", got=weights)
    return np.asarray(given / given.sum())


def pca(images: Sequence[Array]) -> Array:
    """The average with the weights of :func:`pca_weights`: the image of greatest variance speaks loudest."""
    return weighted_average(images, list(pca_weights(images)))


def pca_weights(images: Sequence[Array]) -> HostArray:
    """|v| / Σ |v| of the leading eigenvector v of the images' covariance, over all voxels, float64.

    The magnitudes are taken because the components of images that contradict each other (negative covariance) differ
    in sign, and weights of both signs would subtract one image from the other.

    Source: O. Rockinger, T. Fechner, "Pixel-level image fusion: the case of image sequences", Proc. SPIE 3374 (1998).

    >>> import numpy as np
    >>> pca_weights([np.array([0.0, 3.0]), np.array([0.0, 1.0])]).tolist()
    [0.75, 0.25]
    """
    stack = stacked(images)
    xp = xp_of(stack)
    values = stack.reshape(len(stack), -1).astype(xp.float64)
    values -= values.mean(axis=1, keepdims=True)
    covariance = np.array([[float((a * b).mean()) for a in values] for b in values])  # summed in a fixed order
    leading = abs(np.linalg.eigh(covariance)[1][:, -1])
    return np.asarray((leading / leading.sum()).round(12))
