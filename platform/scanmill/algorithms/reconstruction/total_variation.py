"""Isotropic total variation: the sum over the voxels of the gradient's length."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.reconstruction.items import PerItem
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError


def gradient_length(gradient: Array) -> Array:
    """|∇x| in every voxel, from gradients stacked along the first axis."""
    xp = xp_of(gradient)
    squares = xp.square(gradient.real)
    if gradient.dtype.kind == "c":
        squares += xp.square(gradient.imag)
    return xp.sqrt(xp.sum(squares, axis=0))


def total_variation(gradient: Array) -> float:
    """TV(x) = Σ |∇x|, summed in float64.

    >>> total_variation(np.array([[3.0, 0.0], [4.0, 1.0]]))
    6.0
    """
    return float(xp_of(gradient).sum(gradient_length(gradient), dtype=np.float64))


def inside_ball(dual: Array, radius: PerItem) -> Array:
    """Each voxel's dual vector (first axis), drawn to length ``radius`` where it is longer."""
    return dual * shortening(gradient_length(dual), radius)


def shortening(length: Array, radius: PerItem) -> Array:
    """The factor that draws vectors of such a length to ``radius`` where they are longer: radius / max(length, radius).

    >>> shortening(np.array([0.0, 1.0, 4.0]), 2.0).tolist()
    [1.0, 1.0, 0.5]
    """
    xp = xp_of(length)
    radius = xp.asarray(radius, dtype=length.dtype)
    return radius / xp.maximum(length, xp.maximum(radius, np.finfo(length.dtype).tiny))


def check_weight(weight: PerItem) -> None:
    """SpecError unless the weight of a penalty, or each of them, is zero or more."""
    xp = xp_of(weight)
    values = xp.asarray(weight)
    if not ((values >= 0) & xp.isfinite(values)).all():
        raise SpecError("the weight of the penalty must not be negative", got=weight)
