"""Every vector compared with every query: exact, and right up to a few million vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.retrieval.exact import exact_among, settled
from scanmill.retrieval.faiss_library import bitmap, faiss_metric, faiss_module

FEW_QUERIES = 4
"""So few queries are compared with the chosen vectors in place; for more, gathering these in blocks pays."""


class FlatMaster:
    """FAISS's IndexFlat; a row is its id."""

    method = "flat"
    recall = 1.0

    def __init__(self, dimension: int, metric: str, index: Any = None) -> None:
        faiss = faiss_module()
        self.metric, self.dimension = metric, dimension
        self.index = faiss.IndexFlat(dimension, faiss_metric(metric)) if index is None else index

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def all_vectors(self) -> HostArray:
        """A view of all vectors (n, d), good until the next change."""
        pointer = faiss_module().rev_swig_ptr(self.index.get_xb(), len(self) * self.dimension)
        return np.asarray(pointer).reshape(len(self), self.dimension)

    def add(self, numbers: HostArray, vectors: HostArray) -> None:
        """Append rows; the numbers are not needed here."""
        self.index.add(vectors)

    def remove(self, rows: HostArray) -> None:
        """Take rows out; those behind move up."""
        self.index.remove_ids(np.asarray(rows, dtype=np.int64))

    def vectors(self, rows: HostArray) -> HostArray:
        """The vectors of some rows, a copy."""
        return np.asarray(self.all_vectors()[rows])

    def search(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The k nearest of all, or of ``rows``; all of them are compared."""
        if rows is not None and (len(queries) > FEW_QUERIES or len(rows) < len(self) // 10):
            return exact_among(self.vectors, rows, queries, k, self.metric)
        found = self._in_place(queries, k, rows)
        return settled(self.vectors, len(self), rows, queries, found, self.metric)

    exact = search

    def _in_place(self, queries: HostArray, k: int, rows: HostArray | None) -> HostArray:
        faiss, bits = faiss_module(), None if rows is None else bitmap(rows, len(self))
        chosen = None if bits is None else faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        return np.asarray(self.index.search(queries, k, params=chosen)[1])
