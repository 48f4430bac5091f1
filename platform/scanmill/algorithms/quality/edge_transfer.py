"""What became of the images' edges in their fusion: kept, lost, or made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scanmill.algorithms.quality.agreement import same_shape
from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import InputError

STRENGTH = (0.9994, -15.0, 0.5)
DIRECTION = (0.9879, -22.0, 0.8)
"""Γ, κ and σ of the two sigmoids, as published."""


@dataclass(frozen=True)
class EdgeTransfer:
    """Shares of the images' edges, of sum one: ``kept`` is Q_AB/F, ``lost`` L_AB/F, ``made_up`` N_AB/F (modified)."""

    kept: float
    lost: float
    made_up: float


def edge_transfer(fused: Array, images: Sequence[Array]) -> EdgeTransfer:
    """How the edges of two or more ``images`` (z, y, x) or (y, x) fared in ``fused``, all in one range of values.

    With g the Sobel gradient's magnitude, G = min(g_A, g_F) / max(g_A, g_F) and A = 1 − (angle between both gradients'
    lines) / 90°: Q_AF = Q_g(G) Q_α(A), each the sigmoid Γ / (1 + exp(κ (· − σ))). Weights are g_A (L = 1). Then
    kept = Σ Q w / Σ w; what is missing, (1 − Q) w, is ``made_up`` where g_F exceeds that of every image, else ``lost``.
    The sigmoids end below 1, so a fusion of an image with itself keeps 0.975, not 1. Axes of one voxel have no
    gradient; in a volume the angle is that in space. Images go on beyond the rim with its values.

    Source: C. S. Xydeas, V. Petrović, Electron. Lett. 36 (2000) 308; V. Petrović, C. Xydeas, ICCV 2005 (the three
    shares); B. K. Shreyamsha Kumar, SIViP 7 (2013) 1125 (their modification that makes the sum one). Raises InputError
    for other shapes and for images without any edge.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).normal(size=(1, 20, 20))
    >>> round(edge_transfer(image, [image, image]).kept, 3), edge_transfer(image, [image, image]).made_up
    (0.975, 0.0)
    """
    for image in images:
        same_shape(image, fused)
    xp = xp_of(fused)
    of_fused = _sobel(fused)
    kept, total, strongest = (xp.zeros(fused.shape, xp.float64) for _ in range(3))
    for image in images:
        gradient = _sobel(image)
        weight = _length(gradient)
        kept += weight * _preserved(gradient, of_fused)
        total += weight
        xp.maximum(strongest, weight, out=strongest)
    whole = float(total.sum())
    if not whole > 0:
        raise InputError("images without edges have none to transfer")
    is_new, missing = _length(of_fused) > strongest, total - kept
    made_up = float((missing * is_new).sum()) / whole
    return EdgeTransfer(float(kept.sum()) / whole, float((missing * ~is_new).sum()) / whole, made_up)


def _length(gradient: Array) -> Array:
    return xp_of(gradient).sqrt((gradient**2).sum(axis=0))


def _sobel(image: Array) -> Array:
    """The Sobel gradient (axis, ...), float64, of the axes longer than one."""
    xp, ndimage = xp_of(image), ndimage_of(image)
    values = image.astype(xp.float64)
    axes = [axis for axis, n in enumerate(image.shape) if n > 1]
    gradients = []
    for axis in axes:
        smooth = values
        for other in axes:
            weights = (-1.0, 0.0, 1.0) if other == axis else (1.0, 2.0, 1.0)
            smooth = ndimage.correlate1d(smooth, xp.asarray(weights), other, mode="nearest")
        gradients.append(smooth)
    return xp.stack(gradients) if gradients else xp.zeros((1, *image.shape))


def _preserved(of_image: Array, of_fused: Array) -> Array:
    """Q, voxel by voxel; where the fused image has no gradient the direction counts as lost."""
    xp = xp_of(of_image)
    strength, fused = _length(of_image), _length(of_fused)
    low, high = xp.minimum(strength, fused), xp.maximum(strength, fused)
    ratio = xp.where(high > 0, low / xp.where(high > 0, high, 1), 1)
    both = strength * fused
    cosine = xp.where(both > 0, abs((of_image * of_fused).sum(axis=0)) / xp.where(both > 0, both, 1), 0)
    alignment = 1 - xp.arccos(xp.clip(cosine, 0, 1)) / (xp.pi / 2)
    return _sigmoid(ratio, STRENGTH) * _sigmoid(alignment, DIRECTION)


def _sigmoid(x: Array, constants: tuple[float, float, float]) -> Array:
    gamma, kappa, sigma = constants
    return gamma / (1 + xp_of(x).exp(kappa * (x - sigma)))
