"""What one ranking is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

KS = (1, 5, 10)
"""How many first answers are looked at."""


def measures_of(is_relevant: HostArray, ks: Sequence[int] = KS) -> dict[str, float]:
    """P@k, recall@k and the average precision of a whole ranking, ``is_relevant`` (n,) from the first answer on.

    P@k = relevant among the first k / k, also where there are fewer answers than k; recall@k = the same / all relevant
    ones; the average precision is the mean of P@i over the ranks i of the relevant ones (C. D. Manning, P. Raghavan,
    H. Schütze, Introduction to Information Retrieval, 2008, section 8.4). Raises InputError where nothing is relevant:
    such a query cannot be answered, so it measures nothing.

    >>> measures_of(np.array([True, False, True]), ks=(1, 2))
    {'precision_at_1': 1.0, 'recall_at_1': 0.5, 'precision_at_2': 0.5, 'recall_at_2': 0.5, 'average_precision': 0.8333333333333333}
    """  # noqa: E501
    hits = np.asarray(is_relevant, dtype=bool)
    if not hits.any():
        raise InputError("a query without a relevant image measures nothing", got=f"{len(hits)} answers")
    found = np.cumsum(hits)
    values = {}
    for k in checked(ks):
        n = int(found[min(k, len(found)) - 1])
        values[f"precision_at_{k}"] = n / k
        values[f"recall_at_{k}"] = n / int(found[-1])
    ranks = np.flatnonzero(hits) + 1
    values["average_precision"] = float((found[hits] / ranks).mean())
    return values


def checked(ks: Sequence[int]) -> tuple[int, ...]:
    """``ks`` as given; InputError for none or one that is not positive."""
    if not ks or min(ks) < 1:
        raise InputError("a measure looks at one answer or more", got=list(ks))
    return tuple(ks)
