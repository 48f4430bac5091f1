"""The plan of a search: which rows may answer, which each query must not see, and scores that depend on no batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scanmill.arrays import HostArray
from scanmill.retrieval.contents import Contents
from scanmill.retrieval.masters import Master

SPARE = 4
"""Candidates beyond k that are scored again, so that equals at the end are told apart by their ids."""
MOST_EXTRA = 2048
"""Entries of a patient up to which that many more candidates are fetched; above, the rows of the patient are taken
out of the search."""
PAIRS_AT_ONCE = 2**25
"""Numbers of candidates' vectors held at once while they are scored again."""


def nearest(
    contents: Contents, master: Master, queries: HostArray, k: int, rows: HostArray | None, own: HostArray
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
        _, found = master.search(queries[chosen], wanted, allowed)
        found = _without(found, contents.patient_of_row, own[chosen])[:, : k + SPARE]
        best[chosen], scores[chosen] = _ranked(contents, master, queries[chosen], found, k)
    return best, scores


def _groups(
    contents: Contents, rows: HostArray | None, own: HostArray
) -> Iterator[tuple[HostArray, int, HostArray | None]]:
    """The queries that are searched together: their places, how many more candidates they need, among which rows."""
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
    if not (own >= 0).any():
        return np.zeros(len(own), dtype=np.int64)
    codes = contents.patient_of_row if rows is None else contents.patient_of_row[rows]
    counts = np.bincount(codes[codes >= 0], minlength=int(own.max()) + 1)
    return np.where(own >= 0, counts[np.maximum(own, 0)], 0)


def _without(found: HostArray, patients: HostArray, own: HostArray) -> HostArray:
    """The candidates in their order, those of the query's own patient replaced by -1 at the end."""
    if not (own >= 0).any():
        return found
    seen = (found >= 0) & (patients[found] == own[:, None]) & (own >= 0)[:, None]
    found = np.where(seen, -1, found)
    order = np.argsort(found < 0, axis=1, kind="stable")
    return np.asarray(np.take_along_axis(found, order, 1))


def _ranked(
    contents: Contents, master: Master, queries: HostArray, found: HostArray, k: int
) -> tuple[HostArray, HostArray]:
    """The candidates scored again, one way whatever the batch, sorted, cut to k."""
    scores = np.full(found.shape, np.nan, dtype=np.float32)
    step = max(1, PAIRS_AT_ONCE // max(1, found.shape[1] * queries.shape[1]))
    for start in range(0, len(found), step):
        part = slice(start, start + step)
        scores[part] = _scores(master, queries[part], found[part])
    closeness = np.where(found < 0, -np.inf, scores if master.metric == "cosine" else -scores)
    order = np.argsort(-closeness, axis=1, kind="stable")
    found, scores = np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)
    found = _equals_by_id(contents, found, scores)
    missing = max(0, k - found.shape[1])
    found = np.pad(found[:, :k], ((0, 0), (0, missing)), constant_values=-1)
    return found, np.pad(scores[:, :k], ((0, 0), (0, missing)), constant_values=np.nan)


def _scores(master: Master, queries: HostArray, found: HostArray) -> HostArray:
    lines, places = np.nonzero(found >= 0)
    vectors, mine = master.vectors(found[lines, places]), queries[lines]
    if master.metric == "cosine":
        values = np.einsum("nd,nd->n", mine, vectors)
    else:
        values = np.sqrt(np.einsum("nd,nd->n", mine - vectors, mine - vectors))
    scores = np.full(found.shape, np.nan, dtype=np.float32)
    scores[lines, places] = values
    return scores


def _equals_by_id(contents: Contents, found: HostArray, scores: HostArray) -> HostArray:
    """Lines in which equal scores stand side by side, these in the order of their image ids."""
    for line in np.flatnonzero((np.diff(scores, axis=1) == 0).any(axis=1)):
        n = int((found[line] >= 0).sum())
        ids = contents.table["image_id"].take(found[line, :n]).to_pylist()
        sign = -1.0 if n > 1 and scores[line, 0] > scores[line, n - 1] else 1.0
        order = sorted(range(n), key=lambda i: (sign * float(scores[line, i]), ids[i]))
        found[line, :n] = found[line, :n][order]
    return found
