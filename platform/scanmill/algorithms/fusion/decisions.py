"""Fusion of decisions: several segmentations or probabilities become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from scanmill.algorithms.fusion.weighted import checked_weights
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, SpecError

SMALLEST = 1e-7
"""Probabilities are held this far from 0 and 1 before their logarithm is taken."""


def majority_vote(
    segmentations: Sequence[Array], *, weights: Sequence[float] | None = None, undecided: int | None = None
) -> Array:
    """The label with most (weighted) votes in each voxel; among equals ``undecided``, or the least label if None.

    Integer labels (z, y, x) of one shape in, the first one's type out (``undecided`` must fit it).

    >>> import numpy as np
    >>> votes = [np.array([1, 1, 2]), np.array([1, 0, 1]), np.array([0, 2, 1])]
    >>> majority_vote(votes).tolist(), majority_vote(votes, undecided=9).tolist()
    ([1, 0, 1], [1, 9, 1])
    """
    check_labels(segmentations)
    parts = checked_weights(weights, len(segmentations))
    xp, first = xp_of(segmentations[0]), segmentations[0]
    values = xp.unique(xp.concatenate([xp.unique(one) for one in segmentations]))
    most, winner = xp.zeros(first.shape, xp.float64), xp.zeros(first.shape, first.dtype)
    is_tied = xp.zeros(first.shape, bool)
    for value in values:
        votes = sum(part * (one == value) for part, one in zip(parts, segmentations, strict=True))
        is_more, is_equal = votes > most + SMALLEST, abs(votes - most) <= SMALLEST
        winner = xp.where(is_more, value, winner)
        is_tied = ~is_more & (is_tied | (is_equal & (votes > 0)))
        most = xp.maximum(most, votes)
    return winner.astype(first.dtype) if undecided is None else xp.where(is_tied, undecided, winner).astype(first.dtype)


def weighted_probability(
    probabilities: Sequence[Array], weights: Sequence[float] | None = None, *, how: Literal["linear", "log"] = "linear"
) -> Array:
    """Probability maps (..., 0 to 1) of one class joined by weights of sum one.

    ``linear``: Σ wᵢ pᵢ, any one can keep a class alive. ``log``: Π pᵢ^wᵢ over that plus Π (1 − pᵢ)^wᵢ, any one can
    rule it out (C. Genest, J. V. Zidek, Stat. Sci. 1 (1986) 114).

    >>> import numpy as np
    >>> maps = [np.array([0.9]), np.array([0.1])]
    >>> weighted_probability(maps, [3, 1]).round(3).tolist(), weighted_probability(maps, how="log").round(3).tolist()
    ([0.7], [0.5])
    """
    parts, first = checked_weights(weights, len(probabilities)), probabilities[0]
    for number, one in enumerate(probabilities):
        if one.shape != first.shape or not bool(((one >= 0) & (one <= 1)).all()):
            raise InputError("probability maps of one shape are wanted", where=f"map {number}", expected="0 to 1")
    if how == "linear":
        return sum(part * one for part, one in zip(parts, probabilities, strict=True))
    if how != "log":
        raise SpecError("unknown way to join probabilities", expected="linear or log", got=how)
    xp = xp_of(first)
    held = [xp.clip(one.astype(xp.float64), SMALLEST, 1 - SMALLEST) for one in probabilities]
    odds = sum(part * (xp.log(one) - xp.log1p(-one)) for part, one in zip(parts, held, strict=True))
    return 1 / (1 + xp.exp(-odds))


def check_labels(segmentations: Sequence[Array]) -> None:
    """Two or more integer arrays of one shape, or an InputError."""
    if len(segmentations) < 2:
        raise InputError("a vote needs segmentations", expected="two or more", got=len(segmentations))
    for number, one in enumerate(segmentations):
        if one.shape != segmentations[0].shape or one.dtype.kind not in "biu":
            raise InputError("labels on one grid are wanted", where=f"segmentation {number}",
                             expected=segmentations[0].shape, got=f"{one.dtype} {one.shape}")  # fmt: skip
