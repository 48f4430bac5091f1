"""Fusion by guided filtering: a base and a detail layer, each with weights that keep to the edges."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.fusion.images import stacked
from scanmill.arrays import Array, ndimage_of, xp_of

AVERAGE = 31
"""Voxels of the window that parts base and detail."""
SALIENCY_SIGMA, SALIENCY_RADIUS = 5.0, 5
BASE, DETAIL = (45, 0.3), (7, 1e-6)
"""Radius and ε of the guided filters (the paper's, for images of range 1)."""


def guided_two_scale(images: Sequence[Array]) -> Array:
    """Images (z, y, x) or (y, x) as a base (a mean over 31 voxels) and the detail above it, each a weighted average.

    Where an image's Laplacian, smoothed, is the greatest its weight is 1; these maps are filtered under the guidance of
    their image, widely for the base and narrowly for the detail, and made to sum to 1. The common range of the images
    counts as 1. Windows are in voxels, along all axes of more than one.

    Source: S. Li, X. Kang, J. Hu, "Image fusion with guided filtering", IEEE Trans. Image Process. 22 (2013) 2864.
    """
    stack = stacked(images)
    xp, ndimage = xp_of(stack), ndimage_of(stack)
    low, high = stack.min(), stack.max()
    unit = (stack - low).astype(xp.float64) / float(high - low)
    windows = [1, *(AVERAGE if n > 1 else 1 for n in stack.shape[1:])]
    base = ndimage.uniform_filter(unit, windows, mode="reflect")
    chosen = _most_salient(unit)
    fused = sum(
        (_weights(chosen, unit, *setting) * layer).sum(axis=0)
        for setting, layer in ((BASE, base), (DETAIL, unit - base))
    )
    return (fused * float(high - low) + float(low)).astype(stack.dtype)


def _most_salient(stack: Array) -> Array:
    """1 in the image whose smoothed Laplacian is the greatest, 0 in the others, voxel by voxel."""
    xp, ndimage = xp_of(stack), ndimage_of(stack)
    saliency = xp.stack([abs(ndimage.laplace(image, mode="reflect")) for image in stack])
    sigmas = [0.0, *(SALIENCY_SIGMA if n > 1 else 0.0 for n in stack.shape[1:])]
    saliency = ndimage.gaussian_filter(saliency, sigmas, mode="reflect", truncate=SALIENCY_RADIUS / SALIENCY_SIGMA)
    return (saliency.argmax(axis=0)[None] == xp.arange(len(stack)).reshape(-1, *[1] * (stack.ndim - 1))).astype("f8")


def _weights(chosen: Array, stack: Array, radius: int, epsilon: float) -> Array:
    """The choice filtered under each image's guidance, of sum one; where all vanish the choice itself."""
    from scanmill.algorithms.filtering.guided_filter import guided_filter

    xp = xp_of(stack)
    maps = [guided_filter(p, guide, radius=radius, epsilon=epsilon) for p, guide in zip(chosen, stack, strict=True)]
    weights = xp.clip(xp.stack(maps), 0, None)
    total = weights.sum(axis=0)
    return xp.where(total > 1e-9, weights / xp.maximum(total, 1e-9), chosen)
