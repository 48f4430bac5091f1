"""Which points of two images look the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.matching.keypoints import Keypoints
from scanmill.arrays import HostArray

RATIO = 0.85
"""A match's distance over that of the next best; Lowe's 0.8 for photographs drops too much of soft tissue."""


@dataclass(frozen=True, eq=False)
class Matches:
    """``pairs`` (m, 2): numbers of the points in the first and second image; ``likeness`` (m,), inner products."""

    pairs: HostArray
    likeness: HostArray

    def __len__(self) -> int:
        return len(self.pairs)


def mutual_matches(first: Keypoints, second: Keypoints, *, ratio: float = RATIO) -> Matches:
    """Pairs that are each other's nearest neighbour and clearly nearer than the next best, either way.

    The ratio test of D. G. Lowe (2004), section 7.1, on distances of descriptors, asked of both images: so matching
    the second with the first gives the same pairs turned round. A lone point has no next best and passes.

    >>> eye = np.eye(3, dtype=np.float32)
    >>> a, b = Keypoints(np.zeros((3, 2)), eye), Keypoints(np.zeros((2, 2)), eye[[2, 0]])
    >>> mutual_matches(a, b).pairs.tolist()
    [[0, 1], [2, 0]]
    """
    if not len(first) or not len(second):
        return Matches(np.zeros((0, 2), np.int64), np.zeros(0))
    likeness = np.einsum("id,jd->ij", first.descriptors, second.descriptors, dtype=np.float64)
    there, back = likeness.argmax(axis=1), likeness.argmax(axis=0)
    numbers = np.flatnonzero(back[there] == np.arange(len(first)))
    partners = there[numbers]
    clear = _is_clear(likeness, ratio)[numbers] & _is_clear(likeness.T, ratio)[partners]
    pairs = np.stack([numbers, partners], axis=1)[clear]
    return Matches(pairs, likeness[pairs[:, 0], pairs[:, 1]])


def _is_clear(likeness: HostArray, ratio: float) -> HostArray:
    """Whether each row's nearest is nearer than ``ratio`` of its next; |a − b|² = 2 (1 − a·b)."""
    if likeness.shape[1] < 2:
        return np.ones(len(likeness), dtype=bool)
    best = np.partition(likeness, -2, axis=1)
    nearest, next_best = (np.maximum(2 * (1 - best[:, -n]), 0) for n in (1, 2))
    return np.asarray(nearest < ratio**2 * next_best)
