"""The true nearest of some vectors: all compared, a block at a time, and scored one way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from scipy.spatial.distance import cdist

from scanmill.arrays import HostArray
from scanmill.retrieval.faiss_library import faiss_metric, faiss_module

BLOCK_ROWS = 32_768
"""Vectors gathered at a time for an exact search among some of them."""
NUMBERS_AT_ONCE = 2**24
"""Numbers of found vectors held at once while they are scored."""
QUERIES_AT_ONCE = 64
"""Queries that are compared by differences at once, in float64."""
LEAST_PART = 2.0**-10
"""The least squared distance that matrix products tell well, as a part of the squared lengths that they subtract."""


Gather = Callable[[HostArray], HostArray]
"""The vectors (..., d) of some rows."""


def blocks_of(rows: HostArray) -> Iterator[HostArray]:
    """The rows, some thousands at a time."""
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]


def exact_among(
    gather: Gather, rows: HostArray, queries: HostArray, k: int, metric: str
) -> tuple[HostArray, HostArray]:
    """The k nearest of the vectors of ``rows``: gathered a block at a time, all compared."""
    found = nearest_of_blocks(((block, gather(block)) for block in blocks_of(rows)), queries, k, metric)
    return scored(gather, queries, found, metric), found


def nearest_of_blocks(
    blocks: Iterable[tuple[HostArray, HostArray]], queries: HostArray, k: int, metric: str
) -> HostArray:
    """The k nearest rows (n, k) of blocks of (rows, vectors), compared in full, merged; -1 where there are fewer."""
    best = np.full((len(queries), k), math.inf, np.float32)
    found = np.full((len(queries), k), -1, np.int64)
    for rows, vectors in blocks:
        if len(rows):
            farness, places = _compared(queries, vectors, min(k, len(rows)), metric)
            best = np.concatenate([best, farness], axis=1)
            found = np.concatenate([found, rows[places]], axis=1)
            order = np.argsort(best, axis=1, kind="stable")[:, :k]
            best, found = np.take_along_axis(best, order, 1), np.take_along_axis(found, order, 1)
    return found


def scored(gather: Gather, queries: HostArray, found: HostArray, metric: str) -> HostArray:
    """The scores of found rows (n, k), NaN for -1, one way whatever the batch and the block.

    FAISS compares many queries at once by matrix products, whose rounding depends on the batch.
    """
    scores = np.full(found.shape, math.nan, dtype=np.float32)
    step = max(1, NUMBERS_AT_ONCE // max(1, found.shape[1] * queries.shape[1]))
    for start in range(0, len(found), step):
        part = slice(start, start + step)
        vectors = gather(np.maximum(found[part], 0))
        if metric == "cosine":
            values = np.einsum("nd,nkd->nk", queries[part], vectors)
        else:
            vectors -= queries[part, None]
            values = np.sqrt(np.einsum("nkd,nkd->nk", vectors, vectors))
        scores[part] = np.where(found[part] < 0, math.nan, values)
    return scores


def settled(
    gather: Gather, n: int, rows: HostArray | None, queries: HostArray, found: HostArray, metric: str
) -> tuple[HostArray, HostArray]:
    """Scores and rows (n, k) of what FAISS ``found``; distances that its matrix products cannot tell, by differences.

    ``n`` vectors were compared, or those of ``rows``.
    """
    scores = scored(gather, queries, found, metric)
    lines = untold(queries, scores) if metric == "l2" else ()
    if len(lines):
        among = np.arange(n) if rows is None else rows
        scores[lines], found[lines] = exact_among(gather, among, queries[lines], found.shape[1], metric)
    return scores, found


def untold(queries: HostArray, distances: HostArray) -> HostArray:
    """The queries (places) whose neighbours, at Euclidean distances (n, k), matrix products cannot tell apart.

    ‖q − v‖² comes as ‖q‖² + ‖v‖² − 2 q·v, each rounded to float32: where vectors lie far from zero and near each other,
    what is left is noise. ‖v‖ is at most ‖q‖ plus the distance.

    >>> untold(np.float32([[1000.0, 1000.0], [0.0, 1.0]]), np.float32([[0.5, 1.0], [0.5, 1.0]])).tolist()
    [0]
    """
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    farthest = np.nan_to_num(distances.astype(np.float64)).max(axis=1, initial=0.0)
    return np.flatnonzero(farthest**2 < LEAST_PART * (lengths**2 + (lengths + farthest) ** 2))


def _compared(queries: HostArray, vectors: HostArray, k: int, metric: str) -> tuple[HostArray, HostArray]:
    """How far (n, k) the nearest vectors are, and their places: minus the cosine, or the squared distance."""
    farness, places = faiss_module().knn(queries, vectors, k, metric=faiss_metric(metric))
    if metric == "cosine":
        return -farness, places
    for start in range(0, len(lines := untold(queries, np.sqrt(np.maximum(farness, 0)))), QUERIES_AT_ONCE):
        some = lines[start : start + QUERIES_AT_ONCE]
        squares = cdist(queries[some], vectors, "sqeuclidean")
        places[some] = np.argsort(squares, axis=1, kind="stable")[:, :k]
        farness[some] = np.take_along_axis(squares, places[some], 1)
    return farness, places
