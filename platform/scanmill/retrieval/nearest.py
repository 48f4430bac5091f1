"""The plan of a search: which rows may answer, which each query must not see, and scores that depend on no batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scanmill.arrays import HostArray
from scanmill.retrieval.contents import Contents
from scanmill.retrieval.masters import Searcher

SPARE = 4
"""Candidates beyond k, so that equals at the end are told apart by their ids."""
MOST_EXTRA = 2048
"""Entries of a patient up to which that many more candidates are fetched; above, the rows of the patient are taken
out of the search."""


def nearest(
    contents: Contents, master: Searcher, queries: HostArray, k: int, rows: HostArray | None, own: HostArray
) -> tuple[HostArray, HostArray]:
    """The k best (rows, scores) of each query, (n, k); -1 and NaN where there are no more.

    ``own`` (n,) is the code of the patient whose entries a query must not see, or -1. Scores are the cosine, largest
    first, or the Euclidean distance, smallest first; of equal scores the smaller image id goes first.
    """
    n_allowed = len(contents) if rows is None else len(rows)
    best = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), np.nan, dtype=np.float32)
    if not n_allowed:
        return best, scores
    for chosen, extra, allowed in _groups(contents, rows, own):
        wanted = min(k + SPARE + extra, n_allowed if allowed is None else len(allowed))
        values, found = master.search(queries[chosen], wanted, allowed)
        found = _without(found, contents, own[chosen])
        found, values = _ranked(contents, found, values, k, master.metric)
        best[chosen, : found.shape[1]], scores[chosen, : found.shape[1]] = found, values
    return best, scores


def _groups(
    contents: Contents, rows: HostArray | None, own: HostArray
) -> Iterator[tuple[HostArray, int, HostArray | None]]:
    """The queries that are searched together: their places, how many more candidates they need, among which rows."""
    if not (own >= 0).any():
        yield np.arange(len(own)), 0, rows
        return
    sizes = _entries_of(contents, rows, own)
    extra = np.where(sizes > 0, 2 ** np.ceil(np.log2(np.maximum(sizes, 1))), 0).astype(np.int64)
    for size in np.unique(extra[extra <= MOST_EXTRA]):
        yield np.flatnonzero(extra == size), int(size), rows
    for patient in np.unique(own[extra > MOST_EXTRA]):
        everything = np.arange(len(contents)) if rows is None else rows
        others = everything[contents.patient_of_row[everything] != patient]
        if len(others):
            yield np.flatnonzero(own == patient), 0, others


def _entries_of(contents: Contents, rows: HostArray | None, own: HostArray) -> HostArray:
    """How many of the rows belong to each query's patient."""
    codes = contents.patient_of_row if rows is None else contents.patient_of_row[rows]
    counts = np.bincount(codes[codes >= 0], minlength=int(own.max()) + 1)
    return np.where(own >= 0, counts[np.maximum(own, 0)], 0)


def _without(found: HostArray, contents: Contents, own: HostArray) -> HostArray:
    """The candidates, those of the query's own patient replaced by -1."""
    if not (own >= 0).any():
        return found
    theirs = np.where(found >= 0, contents.patient_of_row[found], -1)
    return np.where((theirs == own[:, None]) & (own >= 0)[:, None], -1, found)


def _ranked(
    contents: Contents, found: HostArray, scores: HostArray, k: int, metric: str
) -> tuple[HostArray, HostArray]:
    """The candidates in the order of their scores, equals in that of their ids, at most k."""
    farness = np.where(found < 0, np.inf, -scores if metric == "cosine" else scores)
    if (farness[:, 1:] < farness[:, :-1]).any():
        order = np.argsort(farness, axis=1, kind="stable")
        found, farness = np.take_along_axis(found, order, 1), np.take_along_axis(farness, order, 1)
        scores = np.take_along_axis(scores, order, 1)
    equal = (farness[:, 1:] == farness[:, :-1]) & np.isfinite(farness[:, 1:])
    for line in np.flatnonzero(equal.any(axis=1)):
        n = int((found[line] >= 0).sum())
        ids = contents.take(found[line, :n], ["image_id"])["image_id"].to_pylist()
        found[line, :n] = found[line, np.lexsort((ids, farness[line, :n]))]
    found, scores = found[:, :k], scores[:, :k]
    return found, np.where(found < 0, np.nan, scores)
