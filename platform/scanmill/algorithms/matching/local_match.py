"""Two images matched point by point, and how alike that makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.matching.consensus import N_POINTS, Consensus, Model, consensus
from scanmill.algorithms.matching.keypoints import Keypoints
from scanmill.algorithms.matching.matches import RATIO, Matches, mutual_matches
from scanmill.arrays import HostArray


@dataclass(frozen=True, eq=False)
class LocalMatch:
    """The matches of two sets of keypoints and what they agree on (None: too few); scores from 0 to 1, 1 is alike."""

    first: Keypoints
    second: Keypoints
    matches: Matches
    consensus: Consensus | None
    model: Model

    @property
    def n_inliers(self) -> int:
        """How many matches lie the same in both images."""
        return 0 if self.consensus is None else self.consensus.n_inliers

    @property
    def is_verified(self) -> bool:
        """More than 8 + 0.3 × matches agree: M. Brown, D. G. Lowe, Int. J. Comput. Vis. 74 (2007), equation 10."""
        return self.n_inliers > 8 + 0.3 * len(self.matches)

    @property
    def descriptor_score(self) -> float:
        """The likeness of the matches, summed, over the fewer keypoints: do points look the same?"""
        return float(self.matches.likeness.sum()) / max(1, min(len(self.first), len(self.second)))

    @property
    def position_score(self) -> float:
        """Inliers over matches, both less the few that make any model: do points that look the same lie the same?"""
        free = N_POINTS[self.model]
        return max(0, self.n_inliers - free) / max(1, len(self.matches) - free)

    @property
    def score(self) -> float:
        """The geometric mean of both: points must look and lie the same."""
        return math.sqrt(self.descriptor_score * self.position_score)

    @property
    def inliers(self) -> tuple[HostArray, HostArray]:
        """The points (n, 2) of the first and of the second image that agree."""
        kept = self.matches.pairs[self.consensus.is_inlier] if self.consensus else np.zeros((0, 2), np.int64)
        return self.first.points[kept[:, 0]], self.second.points[kept[:, 1]]


def match(
    first: Keypoints,
    second: Keypoints,
    *,
    model: Model = "similarity",
    tolerance: float = 3.0,
    ratio: float = RATIO,
    seed: int = 0,
) -> LocalMatch:
    """Mutual nearest neighbours, then their consensus within ``tolerance`` pixels of the second image.

    >>> nothing = Keypoints(np.zeros((0, 2)), np.zeros((0, 128), np.float32))
    >>> match(nothing, nothing).score
    0.0
    """
    matches = mutual_matches(first, second, ratio=ratio)
    a, b = first.points[matches.pairs[:, 0]], second.points[matches.pairs[:, 1]]
    return LocalMatch(first, second, matches, consensus(a, b, model=model, tolerance=tolerance, seed=seed), model)
