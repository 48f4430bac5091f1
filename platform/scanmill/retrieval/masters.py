"""The vectors of an index in memory, as FAISS holds them: all compared (flat), or those of near cells (IVF)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import ResourceError

PRODUCTS_FROM = 1024
"""Numbers in a batch of queries, for each thread, from which FAISS compares by matrix products."""
BLOCK_ROWS = 32_768
"""Vectors gathered at a time for an exact search among some of them."""
NUMBERS_AT_ONCE = 2**24
"""Numbers of found vectors held at once while they are scored."""


class Searcher(Protocol):
    """What a search asks: a master, or its clone on a GPU."""

    metric: str

    def search(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """Scores and rows (n, k) of the nearest of all, or of ``rows``."""


class Master(Searcher, Protocol):
    """Row i holds the vector of the i-th live entry; rows move up when others are removed.

    ``search`` gives (scores, rows), both (n, k), the best first but for rounding, -1 where there is none. Scores are
    the cosine of unit vectors, or the Euclidean distance. ``recall`` is the share of the true first ten that a search
    finds, measured when the master was built; 1 where it compares everything.
    """

    method: str
    recall: float
    index: Any

    def __len__(self) -> int: ...

    def add(self, numbers: HostArray, vectors: HostArray) -> None:
        """Append rows of ascending numbers."""

    def remove(self, rows: HostArray) -> None:
        """Take rows out."""

    def vectors(self, rows: HostArray) -> HostArray:
        """The vectors of some rows (..., d), a copy."""

    def all_vectors(self) -> HostArray:
        """All of them (n, d), good until the next change."""

    def search(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The nearest of all, or of ``rows``, ascending."""

    def exact(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The same, nothing left out."""


@lru_cache(maxsize=1)
def faiss_module() -> Any:
    """FAISS, imported when it is needed and told when to multiply matrices; ResourceError where it is not installed.

    FAISS 1.15 compares queries one by one up to 128,000 numbers in a batch, which was measured on many cores; on few,
    matrix products are up to 17 times faster (https://github.com/facebookresearch/faiss/pull/5109). Before, the same
    setting counted queries (20 of them), and is left alone.
    """
    try:
        import faiss
    except ImportError as error:
        raise ResourceError("FAISS is not installed", do="pip install 'scanmill[cpu]'") from error
    if faiss.cvar.distance_compute_blas_threshold == 128_000:
        faiss.cvar.distance_compute_blas_threshold = min(128_000, PRODUCTS_FROM * faiss.omp_get_max_threads())
    return faiss


def faiss_metric(metric: str) -> int:
    """FAISS's number for "cosine" or "l2"."""
    faiss = faiss_module()
    return int(faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2)


def exact_among(
    gather: Callable[[HostArray], HostArray], rows: HostArray, queries: HostArray, k: int, metric: str
) -> tuple[HostArray, HostArray]:
    """The k nearest of the vectors of ``rows``: gathered a block at a time, all compared."""
    starts = range(0, len(rows), BLOCK_ROWS)
    blocks = ((block, gather(block)) for block in (rows[start : start + BLOCK_ROWS] for start in starts))
    found = nearest_of_blocks(blocks, queries, k, metric)
    return scored(gather, queries, found, metric), found


def nearest_of_blocks(
    blocks: Iterable[tuple[HostArray, HostArray]], queries: HostArray, k: int, metric: str
) -> HostArray:
    """The k nearest rows (n, k) of blocks of (rows, vectors), compared in full, merged; -1 where there are fewer."""
    faiss, sign = faiss_module(), -1.0 if metric == "cosine" else 1.0
    best = np.full((len(queries), k), math.inf, np.float32)
    found = np.full((len(queries), k), -1, np.int64)
    for rows, vectors in blocks:
        if len(rows):
            farness, places = faiss.knn(queries, vectors, min(k, len(rows)), metric=faiss_metric(metric))
            best = np.concatenate([best, sign * farness], axis=1)
            found = np.concatenate([found, rows[places]], axis=1)
            order = np.argsort(best, axis=1, kind="stable")[:, :k]
            best, found = np.take_along_axis(best, order, 1), np.take_along_axis(found, order, 1)
    return found


def scored(gather: Callable[[HostArray], HostArray], queries: HostArray, found: HostArray, metric: str) -> HostArray:
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


def bitmap(rows: HostArray, n: int) -> HostArray:
    """One bit for each of n ids, set for ``rows``, as FAISS's selectors have it."""
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return np.packbits(mask, bitorder="little")
