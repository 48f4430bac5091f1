"""Only the vectors in cells near the query are compared: for many millions, at a recall that is measured and told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.retrieval.exact import Gather, blocks_of, exact_among
from scanmill.retrieval.faiss_library import bitmap, faiss_metric, faiss_module
from scanmill.retrieval.recall import AT, recall_of, sample_of

FLAT_UP_TO = 2_000_000
"""Entries up to which every vector is compared with every query."""
RECALL_WANTED = 0.99
FEWEST_PROBES = 8
LEARNED_PER_CELL = 48
FILTERED = 2
"""How many times more cells a filtered search looks at, beyond what makes up for the vectors that the filter leaves."""
EXACT_UP_TO = 0.1
"""The share of the entries up to which a filtered search compares all that pass the filter."""


def method_for(n: int, wanted: str = "auto") -> str:
    """ "flat" up to two million entries, "ivf" above, or what is wanted.

    >>> method_for(1_000_000), method_for(3_000_000), method_for(3_000_000, "flat")
    ('flat', 'ivf', 'flat')
    """
    return wanted if wanted != "auto" else "flat" if n <= FLAT_UP_TO else "ivf"


def n_cells(n: int) -> int:
    """4 √n cells, the number that FAISS's guide begins with, but no more than the vectors can teach (39 each).

    >>> n_cells(1_000_000), n_cells(1000)
    (4000, 25)
    """
    return max(1, min(round(4 * math.sqrt(n)), n // 39))


class IvfMaster:
    """FAISS's IndexIVFFlat: k-means cells, vectors kept whole, ids the entries' numbers.

    The number of cells follows :func:`n_cells`; the number of cells looked at (``n_probes``) is doubled from 8 until
    the recall at 10 of a sample of the vectors against the exact search is 0.99 (:func:`tuned`). A search among some
    of the rows compares all of them where they are a tenth of the index or less; of more it looks at more cells, twice
    as many times as the filter leaves fewer vectors, and a query that still finds fewer than there are is answered
    exactly. ``n_learned`` entries were there when the cells were learned; beyond twice as many, the next build or
    compaction learns them anew, and no small add does.
    """

    method = "ivf"

    def __init__(
        self, index: Any, metric: str, numbers: HostArray, n_probes: int = FEWEST_PROBES, learned: int = 0
    ) -> None:
        self.index, self.metric, self.numbers, self.n_probes = index, metric, numbers, n_probes
        self.n_learned, self.recall = learned, math.nan
        if index.direct_map.type != faiss_module().DirectMap.Hashtable:
            index.set_direct_map_type(faiss_module().DirectMap.Hashtable)

    @classmethod
    def learned(cls, numbers: HostArray, gather: Gather, metric: str) -> IvfMaster:
        """Cells learned on a sample of the vectors, the same each time, then filled with all, a block at a time.

        ``gather`` gives the vectors (m, d) of some rows.
        """
        faiss, n = faiss_module(), len(numbers)
        cells = n_cells(n)
        sample = gather(np.sort(np.random.default_rng(0).permutation(n)[: LEARNED_PER_CELL * cells]))
        dimension = sample.shape[1]
        quantizer = faiss.IndexFlat(dimension, faiss_metric(metric))
        index = faiss.IndexIVFFlat(quantizer, dimension, cells, faiss_metric(metric))
        index.cp.max_points_per_centroid = LEARNED_PER_CELL
        index.train(sample)
        master = cls(index, metric, np.zeros(0, np.int64), learned=n)
        for rows in blocks_of(np.arange(n)):
            master.add(numbers[rows], gather(rows))
        return tuned(master)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def cells(self) -> int:
        """The number of cells."""
        return int(self.index.nlist)

    def add(self, numbers: HostArray, vectors: HostArray) -> None:
        """Append rows of ascending numbers."""
        self.index.add_with_ids(vectors, np.asarray(numbers, dtype=np.int64))
        self.numbers = np.concatenate([self.numbers, numbers])

    def remove(self, rows: HostArray) -> None:
        """Take rows out of their cells."""
        self.index.remove_ids(np.ascontiguousarray(self.numbers[rows]))
        self.numbers = np.delete(self.numbers, rows)

    def vectors(self, rows: HostArray) -> HostArray:
        """The vectors of some rows, a copy."""
        numbers = np.ascontiguousarray(self.numbers[rows]).reshape(-1)
        return np.asarray(self.index.reconstruct_batch(numbers)).reshape(*rows.shape, self.index.d)

    def all_vectors(self) -> HostArray:
        """A copy of all of them."""
        return self.vectors(np.arange(len(self)))

    def exact(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The k nearest, every vector compared."""
        rows = np.arange(len(self)) if rows is None else rows
        return exact_among(self.vectors, rows, queries, k, self.metric)

    def search(self, queries: HostArray, k: int, rows: HostArray | None) -> tuple[HostArray, HostArray]:
        """The k nearest in the cells looked at, by the rule of the class."""
        n = len(self) if rows is None else len(rows)
        if rows is not None and n <= EXACT_UP_TO * len(self):
            return self.exact(queries, k, rows)
        scores, found = self.probed(queries, k, rows, self.n_probes)
        short = np.flatnonzero((found >= 0).sum(axis=1) < min(k, n))
        if len(short):
            scores[short], found[short] = self.exact(queries[short], k, rows)
        return scores, found

    def probed(self, queries: HostArray, k: int, rows: HostArray | None, n_probes: int) -> tuple[HostArray, HostArray]:
        """The k nearest in ``n_probes`` cells, more where a filter leaves fewer vectors."""
        faiss = faiss_module()
        knobs: dict[str, Any] = {"nprobe": n_probes}
        if rows is not None:
            knobs["nprobe"] = min(self.cells, -(-FILTERED * n_probes * len(self) // len(rows)))
            bits = bitmap(self.numbers[rows], int(self.numbers[-1]) + 1)
            knobs["sel"] = faiss.IDSelectorBitmap(bits)
        scores, ids = self.index.search(queries, k, params=faiss.SearchParametersIVF(**knobs))
        return scores if self.metric == "cosine" else np.sqrt(np.maximum(scores, 0)), self._rows(ids)

    def _rows(self, ids: HostArray) -> HostArray:
        """The rows of entries' numbers, -1 for -1: a subtraction where no number between first and last is gone."""
        first, last = int(self.numbers[0]), int(self.numbers[-1])
        if last - first + 1 == len(self):
            return ids if first == 0 else np.where(ids < 0, -1, ids - first)
        return np.where(ids < 0, -1, np.searchsorted(self.numbers, ids))


def tuned(master: IvfMaster) -> IvfMaster:
    """The master with as many probes as its recall asks for."""
    sample = sample_of(master)
    queries, at = master.vectors(sample), min(AT + 1, len(master))
    truth = master.exact(queries, at, None)[1]
    n_probes = FEWEST_PROBES
    while n_probes < master.cells:
        _, found = master.probed(queries, at, None, n_probes)
        master.recall = recall_of(sample, found, truth)
        if master.recall >= RECALL_WANTED:
            break
        n_probes *= 2
    else:
        master.recall = 1.0
    master.n_probes = min(n_probes, master.cells)
    return master
