"""How well two masks agree: Dice and Matthews."""

from __future__ import annotations

import math

from scanmill.algorithms.quality.agreement import same_shape
from scanmill.arrays import Array


def dice(mask: Array, reference: Array) -> float:
    """2 |A ∩ B| / (|A| + |B|) (Dice 1945); 1 where both are empty.

    >>> import numpy as np
    >>> dice(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0])) == 2 / 3
    True
    """
    both, only_mask, only_reference, _ = _confusion(mask, reference)
    size = 2 * both + only_mask + only_reference
    return 2 * both / size if size else 1.0


def matthews_correlation(mask: Array, reference: Array) -> float:
    """(TP TN − FP FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)) (Matthews 1975), −1 to 1; 0 where a mask is all or nothing.

    It is Pearson's correlation of the two masks and the score of the Helsinki tomography challenges.

    >>> import numpy as np
    >>> matthews_correlation(np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0]))
    1.0
    """
    tp, fp, fn, tn = _confusion(mask, reference)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product) if product else 0.0


def _confusion(mask: Array, reference: Array) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives; anything but 0 is in a mask."""
    same_shape(mask, reference)
    a, b = mask != 0, reference != 0
    both, in_mask, in_reference = int((a & b).sum()), int(a.sum()), int(b.sum())
    return both, in_mask - both, in_reference - both, a.size - in_mask - in_reference + both
