"""What the algorithms for Poisson counts share."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def divergence(counts: Array, expected: Array) -> float:
    """Kullback and Leibler's Σ (ȳ - y + y log(y / ȳ)), summed in float64: minus the log-likelihood, plus what is fixed.

    It is zero where all counts are as expected. Pixels where nothing is expected have no part.

    >>> divergence(np.array([2.0, 0.0]), np.array([2.0, 3.0]))
    3.0
    """
    xp = xp_of(expected)
    ratio = over(counts, expected)
    terms = expected - counts + counts * xp.log(xp.where(ratio > 0, ratio, 1))
    return float(xp.sum(terms, dtype=np.float64, where=expected > least(expected)))


def over(counts: Array, expected: Array) -> Array:
    """y / ȳ, and 0 where nothing is expected: no image explains such counts."""
    xp, floor = xp_of(expected), least(expected)
    return xp.where(expected > floor, counts / xp.maximum(expected, floor), 0)


def least(expected: Array) -> Any:
    """So few expected counts are none; a number whose inverse does not overflow."""
    return np.sqrt(np.finfo(expected.dtype).tiny)


def require_counts(counts: Array, name: str) -> None:
    """Refuse, with InputError, counts that are negative or not finite."""
    if not (counts.size and float(counts.min()) >= 0 and float(counts.max()) < float("inf")):
        raise InputError("counts must be finite and not negative", where=name)


def rays_of(value: float | Array, like: Array, name: str) -> Array:
    """A number or an array as one that broadcasts to (view, row, column), in the type of ``like``."""
    xp = xp_of(like)
    rays = xp.asarray(value, dtype=like.dtype)
    rays = rays.reshape((1,) * (like.ndim - rays.ndim) + tuple(rays.shape))
    if rays.ndim != like.ndim or any(n not in (1, m) for n, m in zip(rays.shape, like.shape, strict=True)):
        raise InputError(f"{name} does not fit the data", expected=tuple(like.shape), got=tuple(rays.shape))
    require_counts(rays, name)
    return rays
