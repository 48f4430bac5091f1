"""Fusion by features: what the edges of all images say together, and an average weighted by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.algorithms.fusion.images import stacked
from scanmill.arrays import Array, ndimage_of, xp_of

SMALLEST = 1e-3
"""Of the strongest mean gradient: added to every weight, so that flat places take the plain average."""


def joint_edges(images: Sequence[Array], *, sigma: float = 1.0) -> Array:
    """The strength of the edges of several images at once, ≥ 0, one image's gradient magnitude where all are equal.

    √(λ / n) with λ the greatest eigenvalue of Σᵢ ∇Iᵢ ∇Iᵢᵀ: edges of two images in one place and direction add up,
    whatever their signs. Gradients are Gaussian derivatives of ``sigma`` voxels. Bring images into one range before.

    Source: S. Di Zenzo, "A note on the gradient of a multi-image", Comput. Vis. Graph. Image Process. 33 (1986) 116.
    """
    stack = stacked(images)
    xp = xp_of(stack)
    gradients = xp.stack([_gradient(image, sigma) for image in stack])
    tensors = xp.einsum("ia...,ib...->...ab", gradients, gradients) / len(stack)
    return xp.sqrt(xp.clip(xp.linalg.eigvalsh(tensors)[..., -1], 0, None))


def saliency_weighted(images: Sequence[Array], *, sigma: float = 2.0) -> Array:
    """Σ wᵢ Iᵢ / Σ wᵢ with wᵢ the gradient's magnitude, smoothed by ``sigma`` voxels: a soft choice by edges."""
    stack = stacked(images)
    xp, ndimage = xp_of(stack), ndimage_of(stack)
    strength = xp.stack([xp.sqrt((_gradient(image, 1.0) ** 2).sum(axis=0)) for image in stack])
    sigmas = [0.0, *(sigma if n > 1 else 0.0 for n in stack.shape[1:])]
    weights = ndimage.gaussian_filter(strength, sigmas, mode="reflect")
    weights = weights + SMALLEST * weights.max()
    return ((weights * stack).sum(axis=0) / weights.sum(axis=0)).astype(stack.dtype)


def _gradient(image: Array, sigma: float) -> Array:
    """Gaussian derivatives (axis, ...) along the axes of more than one voxel, float64."""
    ndimage, xp = ndimage_of(image), xp_of(image)
    long_axes = [axis for axis, n in enumerate(image.shape) if n > 1]
    sigmas = [sigma if n > 1 else 0.0 for n in image.shape]
    orders = np.eye(image.ndim, dtype=int)[long_axes]
    values = image.astype(xp.float64)
    return xp.stack([ndimage.gaussian_filter(values, sigmas, order=tuple(order), mode="reflect") for order in orders])
