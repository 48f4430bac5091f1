"""The first answers of a search in the order of how well they match point by point."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scanmill.algorithms.matching.keypoints import Keypoints
from scanmill.algorithms.matching.local_match import LocalMatch, match
from scanmill.arrays import HostArray
from scanmill.errors import InputError

WEIGHT = 0.5
"""How much of a likeness from 0 to 1 a full local score is worth."""


def reranked(
    query: Keypoints,
    answers: Sequence[Keypoints],
    likeness: HostArray,
    *,
    weight: float = WEIGHT,
    compare: Callable[[Keypoints, Keypoints], LocalMatch] = match,
) -> HostArray:
    """The order (n,) of the first answers, by ``likeness`` (n,) + ``weight`` × local score, and of equals the first.

    Only verified matches count: a few points that lie the same by chance must not outweigh what the whole image shows.
    Give the first ten or fifty answers; the rest keep their places. Where nothing matches, the order stays as it was.

    >>> nothing = Keypoints(np.zeros((0, 2)), np.zeros((0, 128), np.float32))
    >>> reranked(nothing, [nothing] * 3, np.array([0.9, 0.8, 0.7])).tolist()
    [0, 1, 2]
    """
    values = np.asarray(likeness, dtype=np.float64)
    if values.shape != (len(answers),) or not np.isfinite(values).all() or not weight >= 0:
        raise InputError("every answer needs its likeness", expected=len(answers), got=values.shape)
    found = [compare(query, answer) for answer in answers]
    scores = np.array([one.score if one.is_verified else 0.0 for one in found])
    return np.asarray(np.argsort(-(values + weight * scores), kind="stable"))
