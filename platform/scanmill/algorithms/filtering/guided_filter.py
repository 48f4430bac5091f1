"""The guided filter: an image smoothed where its guide is smooth, with the guide's edges."""

from __future__ import annotations

from scanmill.arrays import Array, ndimage_of
from scanmill.errors import InputError


def guided_filter(image: Array, guide: Array, *, radius: int, epsilon: float) -> Array:
    """``image`` as a ā guide + b̄ with a = cov(guide, image) / (var guide + ``epsilon``) in windows of 2 radius + 1.

    Both (z, y, x) or (y, x) of one shape; axes of one voxel have no window. ``epsilon`` is in the guide's unit squared:
    what varies less is smoothed. The images are mirrored at the rim, where the paper shrinks the windows. In float64,
    because variances are differences of nearly equal numbers.

    Source: K. He, J. Sun, X. Tang, "Guided image filtering", IEEE Trans. PAMI 35 (2013) 1397, equations 5, 6 and 8.

    >>> import numpy as np
    >>> step = np.repeat([[0.0, 1.0]], 8, axis=1)
    >>> bool(abs(guided_filter(step, step, radius=2, epsilon=1e-6) - step).max() < 1e-4)
    True
    """
    if image.shape != guide.shape:
        raise InputError("a guide lies on the grid of its image", expected=image.shape, got=guide.shape)
    sizes = [2 * radius + 1 if n > 1 else 1 for n in image.shape]

    def mean(values: Array) -> Array:
        return ndimage_of(image).uniform_filter(values, sizes, mode="reflect")

    p, g = image.astype("f8"), guide.astype("f8")
    mean_p, mean_g = mean(p), mean(g)
    a = (mean(g * p) - mean_g * mean_p) / (mean(g * g) - mean_g**2 + epsilon)
    return mean(a) * g + mean(mean_p - a * mean_g)
