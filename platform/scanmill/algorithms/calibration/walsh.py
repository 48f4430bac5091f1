"""Coil sensitivities from images alone: the direction among coils in which a neighbourhood varies most."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.calibration.leading_eigenvectors import leading_eigenvectors
from scanmill.algorithms.calibration.principal_coil import principal_coil, turn_to
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import InputError, SpecError


def walsh(coil_images: Array, *, width: int = 5) -> Array:
    """Sensitivities (batch, 1, coil, z, y, x) of norm 1 from coil images (batch, coil, z, y, x), complex64.

    At every voxel the first eigenvector of Σ y yᴴ over the ``width``³ voxels around it (less at the borders): D. O.
    Walsh, A. F. Gmitro, M. W. Marcellin, Magn. Reson. Med. 43 (2000) 682, eq. 8, for white noise; whiten before. Where
    nothing is seen they follow the noise. The phase is that against the first principal component of the coils; the
    image that `combine_coils` makes carries the object's phase as that virtual coil sees it.
    Raises InputError for another shape and for NaN, SpecError for an even width.

    >>> maps = walsh(np.array([3.0, 4.0]).reshape(1, 2, 1, 1, 1).astype(complex))
    >>> maps.ravel().real.round(6).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    if width < 1 or width % 2 == 0:
        raise SpecError("a neighbourhood has a middle", expected="an odd width", got=width)
    if coil_images.ndim != 5:
        raise InputError("coil images of another shape", expected="(batch, coil, z, y, x)", got=coil_images.shape)
    require_finite(coil_images, "the coil images")
    xp, (n_items, n_coils, *image) = xp_of(coil_images), coil_images.shape
    maps = xp.empty((n_items, 1, n_coils, *image), dtype=np.complex64)
    for images, item in zip(coil_images.astype(np.complex64, copy=False), maps, strict=True):
        for z in range(image[0]):
            products = _products(images[:, max(z - width // 2, 0) : z + width // 2 + 1], width)
            item[0, :, z] = leading_eigenvectors(products, 1)[1][:, :, 0].T.reshape(n_coils, *image[1:])
        turn_to(item, principal_coil(images))
    return maps


def _products(slab: Array, width: int) -> Array:
    """Σ y yᴴ over a slab (coil, z, y, x) and ``width``² voxels in the plane: (voxel of the plane, coil, coil)."""
    xp, ndimage, (n_coils, _, ny, nx) = xp_of(slab), ndimage_of(slab), slab.shape
    sums = xp.empty((ny, nx, n_coils, n_coils), dtype=slab.dtype)
    for i in range(n_coils):
        for j in range(i + 1):
            product = (slab[i] * slab[j].conj()).sum(axis=0)
            parts = [ndimage.uniform_filter(p, width, mode="constant") for p in (product.real, product.imag)]
            sums[..., i, j] = parts[0] + 1j * parts[1]
            sums[..., j, i] = sums[..., i, j].conj()
    return sums.reshape(ny * nx, n_coils, n_coils)
