"""The vectors of an index in memory, as FAISS holds them: all compared (flat), or those of near cells (IVF)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import ResourceError

BLOCK_ROWS = 32_768
"""Vectors gathered at a time for an exact search among some of them."""


class Master(Protocol):
    """Row i holds the vector of the i-th live entry; rows move up when others are removed.

    ``search`` gives (closeness, rows), both (n, k), best first, -1 where there is none; closeness is the inner
    product of unit vectors or minus the squared distance.
    """

    method: str
    metric: str
    index: Any

    def __len__(self) -> int: ...

    def add(self, numbers: HostArray, vectors: HostArray) -> None:
        """Append rows of ascending numbers."""

    def remove(self, rows: HostArray) -> None:
        """Take rows out."""

    def vectors(self, rows: HostArray) -> HostArray:
        """The vectors of some rows (n, d), a copy."""

    def search(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The nearest of all, or of ``rows``, ascending."""

    def exact(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The same, nothing left out."""


def faiss_module() -> Any:
    """FAISS, imported when it is needed; ResourceError where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise ResourceError("FAISS is not installed", do="pip install 'scanmill[cpu]'") from error
    return faiss


def faiss_metric(metric: str) -> int:
    """FAISS's number for "cosine" or "l2"."""
    faiss = faiss_module()
    return int(faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2)


def exact_among(
    gather: Callable[[HostArray], HostArray], rows: HostArray, queries: HostArray, k: int, metric: str
) -> tuple[HostArray, HostArray]:
    """The k nearest of the vectors of ``rows``: gathered a block at a time, compared in full, merged."""
    faiss = faiss_module()
    best, best_rows = np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        closeness, places = faiss.knn(queries, gather(block), min(k, len(block)), metric=faiss_metric(metric))
        closeness = closeness if metric == "cosine" else -closeness
        best = np.concatenate([best, closeness], axis=1)
        best_rows = np.concatenate([best_rows, block[places]], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best, best_rows = np.take_along_axis(best, order, 1), np.take_along_axis(best_rows, order, 1)
    return padded(best, best_rows, k)


def padded(closeness: HostArray, rows: HostArray, k: int) -> tuple[HostArray, HostArray]:
    """Both with k columns: -inf and -1 where there is nothing."""
    missing = ((0, 0), (0, k - rows.shape[1]))
    return np.pad(closeness, missing, constant_values=-math.inf), np.pad(rows, missing, constant_values=-1)


def bitmap(rows: HostArray, n: int) -> HostArray:
    """One bit for each of n ids, set for ``rows``, as FAISS's selectors have it."""
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return np.packbits(mask, bitorder="little")
