"""How noisy an image is: in a region said to be flat, or without knowing one."""

from __future__ import annotations

from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import InputError

LAPLACIAN_DIFFERENCE = ((1.0, -2.0, 1.0), (-2.0, 4.0, -2.0), (1.0, -2.0, 1.0))
"""Immerkær's mask: blind to constants, planes and straight parabolas; white noise leaves it six times stronger."""
MAD_OF_NORMAL = 0.6744897501960817
"""The median of |x| for a normal distribution of standard deviation 1."""


def noise_in_region(image: Array, region: Array) -> float:
    """The standard deviation within ``region`` (a mask of the image's shape), in the image's unit.

    A plane is fitted and taken off first, so that slow shading (cupping) does not count as noise.
    Raises InputError for a region of fewer than 16 voxels.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).normal(5.0, 0.5, (64, 64))
    >>> round(noise_in_region(image, np.ones((64, 64), bool)), 1)
    0.5
    """
    xp = xp_of(image)
    where = xp.nonzero(region)
    n = int(where[0].size)
    if tuple(region.shape) != tuple(image.shape) or n < 16:
        raise InputError(
            "a flat region needs the image's shape and 16 voxels", expected=image.shape, got=(n, region.shape)
        )
    values = image[where].astype(xp.float64)
    axes = [(w - w.mean()).astype(xp.float64) for w, size in zip(where, image.shape, strict=True) if size > 1]
    plane = xp.stack([xp.ones(n), *axes], axis=1)
    residual = values - plane @ xp.linalg.lstsq(plane, values, rcond=None)[0]
    return float(xp.sqrt((residual * residual).sum() / (n - plane.shape[1])))


def noise_sigma(image: Array) -> float:
    """The standard deviation of white noise, estimated from the finest structure of the image itself.

    J. Immerkær, "Fast noise variance estimation", Comput. Vis. Image Underst. 64 (1996) 300-302, gives the mask; the
    robust scale median |x| / 0.6745 is that of D. L. Donoho, I. M. Johnstone, Biometrika 81 (1994) 425-455, so edges
    (few voxels) hardly count. In the planes of the last two axes. Noise of a reconstruction is correlated, so this
    reads low after a smooth filter: compare like with like.
    Voxels at or beside a response of exactly 0 (outside a mask, clipped) are left out; 0 where nothing else is left.

    >>> import numpy as np
    >>> round(noise_sigma(np.random.default_rng(0).normal(5.0, 0.5, (128, 128))), 2)
    0.5
    """
    xp, ndimage = xp_of(image), ndimage_of(image)
    if image.ndim < 2 or min(image.shape[-2:]) < 3:
        raise InputError("noise is sought in planes of 3 by 3 or more", got=image.shape)
    window = (1,) * (image.ndim - 2) + (3, 3)
    mask = xp.asarray(LAPLACIAN_DIFFERENCE).reshape(window)
    response = xp.abs(ndimage.convolve(image.astype(xp.float64), mask))
    alive = ndimage.minimum_filter(response, size=window)[..., 1:-1, 1:-1] > 0
    seen = response[..., 1:-1, 1:-1][alive]
    return float(xp.median(seen)) / (6 * MAD_OF_NORMAL) if seen.size else 0.0
