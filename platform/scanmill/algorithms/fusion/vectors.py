"""Fusion of embeddings: several vectors of one scan become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from scanmill.algorithms.fusion.weighted import checked_weights
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, SpecError


def fuse_vectors(
    vectors: Sequence[Array],
    *,
    weights: Sequence[float] | None = None,
    how: Literal["concatenate", "average"] = "concatenate",
) -> Array:
    """Vectors (..., dᵢ), each brought to length one, then joined or averaged, and again of length one.

    Joined with √wᵢ, so that inner products are the weighted mean of the single ones: ⟨u, v⟩ = Σ wᵢ ⟨uᵢ, vᵢ⟩ with
    Σ wᵢ = 1. Averaging needs vectors of one space, and refuses those that cancel.

    Raises InputError for a vector of zeros, NaN or Inf, or (averaging) for other lengths.

    >>> import numpy as np
    >>> fuse_vectors([np.array([3.0, 4.0]), np.array([2.0])], weights=[1, 3]).round(3).tolist()
    [0.3, 0.4, 0.866]
    """
    if not vectors:
        raise InputError("a fusion needs vectors", expected="one or more", got=0)
    xp, parts = xp_of(vectors[0]), checked_weights(weights, len(vectors))
    units = [_of_length_one(vector, f"vector {number}") for number, vector in enumerate(vectors)]
    if how == "concatenate":
        return xp.concatenate([np.sqrt(w) * unit for w, unit in zip(parts, units, strict=True)], axis=-1)
    if how != "average":
        raise SpecError("unknown way to fuse vectors", expected="concatenate or average", got=how)
    if len({unit.shape for unit in units}) > 1:
        raise InputError("vectors of several lengths have no average", got=[unit.shape for unit in units])
    return _of_length_one(sum(w * unit for w, unit in zip(parts, units, strict=True)), "the average")


def _of_length_one(vector: Array, where: str) -> Array:
    xp = xp_of(vector)
    length = xp.linalg.norm(vector, axis=-1, keepdims=True)
    if not bool((xp.isfinite(length) & (length > 1e-12)).all()):
        raise InputError("a vector needs a length", where=where, expected="finite numbers, not all zero")
    return vector / length
