"""How far an image is from its reference, voxel by voxel: RMSE, NRMSE, PSNR."""

from __future__ import annotations

import math
from typing import Literal

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError

Normalization = Literal["euclidean", "range", "mean"]


def same_shape(image: Array, reference: Array) -> None:
    """Raise InputError unless both arrays have one shape and at least one element."""
    if tuple(image.shape) != tuple(reference.shape) or image.size == 0:
        raise InputError("image and reference differ in shape", expected=tuple(reference.shape), got=tuple(image.shape))


def range_of(reference: Array) -> float:
    """The greatest minus the least value; InputError for a reference of one value."""
    span = float(reference.max()) - float(reference.min())
    if not span > 0:
        raise InputError("a reference of one value has no range", do="give data_range")
    return span


def rmse(image: Array, reference: Array, *, mask: Array | None = None) -> float:
    """√ mean (image − reference)², in the image's unit; over ``mask`` where it is given. Sums in float64.

    >>> import numpy as np
    >>> rmse(np.array([1.0, 5.0]), np.array([1.0, 1.0])) == 8**0.5
    True
    """
    same_shape(image, reference)
    xp = xp_of(image)
    difference = image.astype(xp.float64) - reference.astype(xp.float64)
    if mask is not None:
        same_shape(mask, reference)
        difference = difference[mask.astype(bool)]
        if difference.size == 0:
            raise InputError("the mask is empty")
    return math.sqrt(float((difference * difference).mean()))


def nrmse(image: Array, reference: Array, *, normalization: Normalization = "euclidean") -> float:
    """RMSE over the reference's root mean square ("euclidean"), its range or its mean.

    "euclidean" is the relative L2 error ‖image − reference‖ / ‖reference‖.

    >>> import numpy as np
    >>> nrmse(np.array([2.0, 0.0]), np.array([1.0, 0.0]))
    1.0
    """
    xp = xp_of(reference)
    error = rmse(image, reference)
    scale = {
        "euclidean": lambda: math.sqrt(float((reference.astype(xp.float64) ** 2).mean())),
        "range": lambda: range_of(reference),
        "mean": lambda: abs(float(reference.mean(dtype=xp.float64))),
    }[normalization]()
    if not scale > 0:
        raise InputError("the reference is zero, so an error cannot be relative to it", do="use rmse")
    return error / scale


def psnr(image: Array, reference: Array, *, data_range: float | None = None) -> float:
    """Peak signal to noise ratio, 20 log₁₀(range / RMSE) in dB; infinite where both are equal.

    ``data_range`` is that of the reference (greatest minus least) unless it is given.

    >>> import numpy as np
    >>> round(psnr(np.array([0.1, 0.9]), np.array([0.0, 1.0])), 6)
    20.0
    """
    error = rmse(image, reference)
    span = range_of(reference) if data_range is None else data_range
    return 20 * math.log10(span / error) if error > 0 else math.inf
