"""Isotropic total variation: the sum over the voxels of the gradient's length."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError


def gradient_length(gradient: Array) -> Array:
    """|∇x| in every voxel, from gradients stacked along the first axis."""
    xp = xp_of(gradient)
    return xp.sqrt(xp.sum(xp.square(gradient), axis=0))


def total_variation(gradient: Array) -> float:
    """TV(x) = Σ |∇x|, summed in float64.

    >>> total_variation(np.array([[3.0, 0.0], [4.0, 1.0]]))
    6.0
    """
    return float(xp_of(gradient).sum(gradient_length(gradient), dtype=np.float64))


def inside_ball(dual: Array, radius: float) -> Array:
    """Each voxel's dual vector (first axis), drawn to length ``radius`` where it is longer."""
    xp = xp_of(dual)
    return dual / xp.maximum(gradient_length(dual) / radius, 1) if radius > 0 else xp.zeros_like(dual)


def check_weight(weight: float) -> None:
    """SpecError unless the weight of a penalty is zero or more."""
    if not 0 <= weight < float("inf"):
        raise SpecError("the weight of the penalty must not be negative", got=weight)
