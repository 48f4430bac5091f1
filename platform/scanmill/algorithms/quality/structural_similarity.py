"""SSIM: how alike the structures of two images are."""

from __future__ import annotations

from scanmill.algorithms.quality.agreement import range_of, same_shape
from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import InputError

SIGMA, TRUNCATE = 1.5, 3.5
"""The Gaussian window of the paper: 11 voxels along each axis."""
K1, K2 = 0.01, 0.03


def ssim_map(image: Array, reference: Array, *, data_range: float | None = None) -> Array:
    """The structural similarity at each voxel, −1 to 1, float64, the shape of the images.

    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Process. 13 (2004) 600-612, equation 13, with its Gaussian window of σ = 1.5 in all
    dimensions of more than one voxel; the window is mirrored at the rim.
    """
    same_shape(image, reference)
    xp, ndimage = xp_of(image), ndimage_of(image)
    if min(n for n in (*image.shape, 99) if n > 1) < 2 * _radius() + 1:
        raise InputError("too small for the window of SSIM", expected=f"{2 * _radius() + 1} voxels", got=image.shape)
    span = range_of(reference) if data_range is None else data_range
    sigmas = [SIGMA if n > 1 else 0.0 for n in image.shape]

    def mean(values: Array) -> Array:
        return ndimage.gaussian_filter(values, sigmas, truncate=TRUNCATE, mode="reflect")

    x, y = image.astype(xp.float64), reference.astype(xp.float64)
    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    return ((2 * mean_x * mean_y + c1) * (2 * cov + c2)) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def ssim(image: Array, reference: Array, *, data_range: float | None = None) -> float:
    """The mean of :func:`ssim_map` over all voxels whose window lies within the image; 1 for equal images.

    Raises InputError for shapes that differ or are smaller than the window of 11 voxels.

    >>> import numpy as np
    >>> image = np.arange(256.0).reshape(16, 16)
    >>> ssim(image, image), ssim(255 - image, image) < 0
    (1.0, True)
    """
    similarity = ssim_map(image, reference, data_range=data_range)
    inside = tuple(slice(_radius(), n - _radius()) if n > 1 else slice(None) for n in image.shape)
    return float(similarity[inside].mean())


def _radius() -> int:
    return int(TRUNCATE * SIGMA + 0.5)
