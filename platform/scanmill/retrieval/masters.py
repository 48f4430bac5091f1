"""The vectors of an index in memory, as FAISS holds them: all compared (flat), or those of near cells (IVF)."""

from __future__ import annotations

from typing import Any, Protocol

from scanmill.arrays import HostArray


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
