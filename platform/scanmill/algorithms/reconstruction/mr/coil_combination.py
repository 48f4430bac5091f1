"""One image from the images of all coils."""

from __future__ import annotations

from scanmill.arrays import Array, xp_of
from scanmill.operators.coils import CoilsOp


def root_sum_of_squares(coil_images: Array) -> Array:
    """√ Σ |x_c|² over the coils: (batch, coil, z, y, x) to a real (batch, 1, z, y, x).

    Roemer et al., Magn. Reson. Med. 16 (1990) 192, eq. 27. It needs no sensitivities, is shaded like √ Σ |s_c|², and
    lifts the background to a Rician floor. Noise should be whitened before.

    >>> import numpy as np
    >>> root_sum_of_squares(np.array([3.0, 4.0j]).reshape(1, 2, 1, 1, 1)).ravel().tolist()
    [5.0]
    """
    xp = xp_of(coil_images)
    squares = xp.square(coil_images.real) + xp.square(coil_images.imag)
    return xp.sqrt(squares.sum(axis=1, keepdims=True))


def combine_coils(coil_images: Array, coil_sensitivities: Array) -> Array:
    """x = (Sᴴ S)⁻¹ Sᴴ y of every voxel: the least-squares image, of least noise where coil noise is white.

    Images (batch, coil, z, y, x) and sensitivities (batch or 1, set, coil, z, y, x) give (batch, set, z, y, x). Roemer
    et al., Magn. Reson. Med. 16 (1990) 192, eq. 22. Voxels whose sensitivities are zero are zero. With several sets
    each is combined by itself (they are taken as orthogonal, which ESPIRiT's are). With the sensitivities of
    `walsh` this is adaptive combination (Walsh, Gmitro & Marcellin, Magn. Reson. Med. 43 (2000) 682).

    >>> import numpy as np
    >>> s = np.array([0.6, 0.8j]).reshape(1, 1, 2, 1, 1, 1)
    >>> combine_coils(2 * s[:, 0], s).ravel().tolist()
    [(2+0j)]
    """
    xp, coils = xp_of(coil_images), CoilsOp(coil_sensitivities, len(coil_images), dtype=coil_images.dtype)
    squares = (xp.square(coil_sensitivities.real) + xp.square(coil_sensitivities.imag)).sum(axis=2)
    return coils.H(coil_images) * xp.where(squares > 0, 1 / xp.where(squares > 0, squares, 1), 0)
