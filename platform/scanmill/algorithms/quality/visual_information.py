"""VIF: how much of what an eye could learn from a reference is left in an image."""

from __future__ import annotations

import math
from collections.abc import Iterator

from scanmill.algorithms.quality.agreement import range_of, same_shape
from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import InputError

SIDES = (17, 9, 5, 3)
"""Voxels of the Gaussian window of each scale, fine to coarse; its σ is a fifth of that."""
NOISE = 2.0 / 255**2
"""The eye's noise variance: 2 for images of 0 to 255, here for a range of one."""
TINY = 1e-10


def visual_information_fidelity(image: Array, reference: Array, *, data_range: float | None = None) -> float:
    """The pixel-domain VIF of ``image`` to its ``reference``: 1 if equal, 0 for nothing in common, > 1 if enhanced.

    Over four scales Σ log₂(1 + g² σ_R² / (σ_v² + σ_n²)) / Σ log₂(1 + σ_R² / σ_n²), with image = g reference + v in each
    Gaussian window; only windows within the image count. Along all axes of more than one voxel. ``data_range`` is what
    counts as 255, by default the reference's (greatest minus least).

    Source: H. R. Sheikh, A. C. Bovik, "Image information and visual quality", IEEE Trans. Image Process. 15 (2006) 430,
    in the multi-scale pixel domain of their `vifp_mscale`.
    Raises InputError for other shapes and axes of 2 to 40 voxels.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).normal(size=(48, 48))
    >>> round(visual_information_fidelity(image, image), 6), visual_information_fidelity(0 * image, image)
    (1.0, 0.0)
    """
    same_shape(image, reference)
    xp, span = xp_of(image), range_of(reference) if data_range is None else data_range
    x, y = reference.astype(xp.float64) / span, image.astype(xp.float64) / span
    left = whole = 0.0
    for number, side in enumerate(SIDES):
        if number:
            x, y = _halved(x, side), _halved(y, side)
        a, b = _information(x, y, side)
        left, whole = left + a, whole + b
    if not whole > 0:
        raise InputError("a reference of one value carries no information")
    return left / whole


def _information(x: Array, y: Array, side: int) -> tuple[float, float]:
    """Bits left of the reference ``x`` in ``y``, and bits of ``x``, at one scale."""
    xp = xp_of(x)
    mean_x, mean_y = _mean(x, side), _mean(y, side)
    var_x = xp.clip(_mean(x * x, side) - mean_x**2, 0, None)
    var_y = xp.clip(_mean(y * y, side) - mean_y**2, 0, None)
    cov = _mean(x * y, side) - mean_x * mean_y
    floor = TINY / 255**2
    gain = xp.where(var_x > floor, cov / xp.maximum(var_x, floor), 0)
    var_x = xp.where(var_x > floor, var_x, 0)
    rest = xp.where(gain > 0, var_y - gain * cov, var_y)
    gain = xp.where(var_y > floor, xp.clip(gain, 0, None), 0)
    rest = xp.clip(rest, floor, None)
    left = xp.log2(1 + gain**2 * var_x / (rest + NOISE)).sum()
    return float(left), float(xp.log2(1 + var_x / NOISE).sum())


def _halved(image: Array, side: int) -> Array:
    return _mean(image, side)[tuple(slice(None, None, 2) if n > 1 else slice(None) for n in image.shape)]


def _mean(image: Array, side: int) -> Array:
    """The Gaussian mean in every window that lies within the image."""
    ndimage = ndimage_of(image)
    weights = xp_of(image).asarray(list(_gaussian(side)))
    for axis, n in enumerate(image.shape):
        if n > 1:
            if n < side:
                raise InputError("too small for the windows of VIF", expected="41 voxels or more, or 1", got=n)
            image = ndimage.correlate1d(image, weights, axis, mode="reflect")
            inside = slice(side // 2, n - side // 2)
            image = image[tuple(inside if a == axis else slice(None) for a in range(image.ndim))]
    return image


def _gaussian(side: int) -> Iterator[float]:
    values = [math.exp(-((i - side // 2) ** 2) / (2 * (side / 5) ** 2)) for i in range(side)]
    return (value / sum(values) for value in values)
