"""Images of all coils from Cartesian k-space as it is, what was not measured taken as zero."""

from __future__ import annotations

from scanmill.arrays import Array
from scanmill.errors import InputError
from scanmill.operators.fourier import FourierOp


def zero_filled(kspace: Array) -> Array:
    """F⁻¹ k: k-space (batch, coil, z, y, x), zero where not measured, to coil images of the same shape.

    `root_sum_of_squares` or `combine_coils` makes one image of them.

    >>> import numpy as np
    >>> abs(zero_filled(np.full((1, 1, 1, 2, 2), 0.5 + 0j))).ravel().tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    if kspace.ndim != 5:
        raise InputError("k-space of another shape", expected="(batch, coil, z, y, x)", got=tuple(kspace.shape))
    return FourierOp(kspace.shape, dtype=kspace.dtype).H(kspace)
