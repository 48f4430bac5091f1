"""What a ranking is worth that knows nothing, or nothing but the modality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.algorithms.retrieval.measures import KS, checked
from scanmill.arrays import HostArray
from scanmill.errors import InputError


def measures_by_chance(
    is_relevant: HostArray, comes_first: HostArray | None = None, ks: Sequence[int] = KS
) -> dict[str, float]:
    """The expected measures of a random order, exactly; with ``comes_first`` those answers first, each half at random.

    ``comes_first`` (n,) marks what has the query's modality: an order that sees the modality and nothing else. With R
    relevant of N in a tier that starts behind a answers of which h are relevant, rank a + j is relevant with
    probability R / N, and then 1 + h + (j − 1)(R − 1) / (N − 1) of the first a + j are on average.

    >>> by_chance = measures_by_chance(np.array([True, False]), ks=(1,))
    >>> by_chance["precision_at_1"], by_chance["average_precision"]
    (0.5, 0.75)
    """
    hits = np.asarray(is_relevant, dtype=bool)
    if not hits.any():
        raise InputError("a query without a relevant image measures nothing", got=f"{len(hits)} answers")
    first = np.ones(len(hits), dtype=bool) if comes_first is None else np.asarray(comes_first, dtype=bool)
    tiers = [hits[first], hits[~first]]
    chances, precisions = _chances(tiers)
    found = np.cumsum(chances)
    values = {}
    for k in checked(ks):
        n = float(found[min(k, len(found)) - 1])
        values[f"precision_at_{k}"] = n / k
        values[f"recall_at_{k}"] = n / int(hits.sum())
    values["average_precision"] = float((chances * precisions).sum() / hits.sum())
    return values


def _chances(tiers: Sequence[HostArray]) -> tuple[HostArray, HostArray]:
    """For every rank: the probability that it is relevant, and the expected precision there if it is."""
    chances, precisions = [], []
    n_before = n_found = 0
    for tier in tiers:
        n, r = len(tier), int(tier.sum())
        place = np.arange(n)
        chances.append(np.full(n, r / max(n, 1)))
        expected = 1 + n_found + place * ((r - 1) / max(n - 1, 1))
        precisions.append(expected / (n_before + place + 1))
        n_before, n_found = n_before + n, n_found + r
    return np.concatenate(chances), np.concatenate(precisions)
