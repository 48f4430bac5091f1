"""An index of images by what they show: Parquet that survives anything, FAISS that is made from it, and the guard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from scanmill.algorithms.features import Embedding
from scanmill.arrays import HostArray
from scanmill.cohort.select import matching_rows
from scanmill.errors import InputError, SpecError
from scanmill.retrieval import segments
from scanmill.retrieval.answers import Answers, answers_of
from scanmill.retrieval.changes import Changes, additions, replacements
from scanmill.retrieval.committed import Committed
from scanmill.retrieval.entries import NUMBER, VECTOR, as_column, checked_entries, unit_vectors
from scanmill.retrieval.gpu import GpuClone
from scanmill.retrieval.manifest import METHODS, METRICS, MOST_DIMENSIONS, Manifest
from scanmill.retrieval.masters import Searcher
from scanmill.retrieval.nearest import nearest
from scanmill.retrieval.saved_embedding import index_embedding, save_embedding
from scanmill.retrieval.state import State, is_outgrown

LARGEST_K = 10_000
MOST_QUERIES = 1_000_000


class Describes(Protocol):
    """What an index needs to know of an embedding; :class:`scanmill.algorithms.features.Embedding` is one."""

    @property
    def digest(self) -> str:
        """Names the description, for ever."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""


class Index:
    """Images, slices and regions with their vectors, in a folder.

    Every process may search; one at a time writes. A search sees the last commit there was when it began, whole; its
    threads may be many. ``index.add`` and its like are on the disk when they return, and a process that dies in one
    leaves what was committed before. The FAISS file is a cache: absent, cut short or not ours, it is made again.
    """

    def __init__(self, folder: Path, *, wait_s: float = 30.0, device: str | None = None) -> None:
        self.folder, self._device = folder, device
        self._clone: tuple[Any, GpuClone] | None = None
        self._cloning = threading.Lock()
        self._committed = Committed(folder, wait_s)

    @classmethod
    def create(cls, folder: str | Path, embedding: Describes, metric: str = "cosine", *, method: str = "auto") -> Index:
        """A new, empty index for vectors of ``embedding`` in a folder that is empty or absent.

        ``method`` "auto" follows :func:`scanmill.retrieval.ivf.method_for`. Raises SpecError for a folder with
        something in it, an unknown metric or method.
        """
        folder = Path(folder)
        for word, one, known in (("metric", metric, METRICS), ("method", method, METHODS)):
            if one not in known:
                raise SpecError(f"an unknown {word}", expected=" or ".join(known), got=one)
        if not 0 < embedding.dimension <= MOST_DIMENSIONS:
            raise SpecError("a dimension out of bounds", expected=f"1 to {MOST_DIMENSIONS}", got=embedding.dimension)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SpecError("an index needs a folder of its own", where=folder.name, got="something is there already")
        if isinstance(embedding, Embedding):
            save_embedding(folder, embedding)
        Manifest(embedding.to_dict(), embedding.digest, embedding.dimension, metric, method).write(folder)
        return cls(folder)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        embedding: Describes | None = None,
        *,
        wait_s: float = 30.0,
        device: str | None = None,
    ) -> Index:
        """An index as it was last committed; SpecError where there is none, or one of another embedding.

        A writer waits ``wait_s`` seconds for another one to finish. With ``device`` "cuda:N" searches run on a clone
        there, made anew after each commit (:class:`scanmill.retrieval.gpu.GpuClone`).
        """
        index = cls(Path(folder), wait_s=wait_s, device=device)
        if embedding is not None and embedding.digest != index.manifest.digest:
            expected, got = index.manifest.digest[:12], embedding.digest[:12]
            raise SpecError("an index of another embedding", where=index.folder.name, expected=expected, got=got)
        return index

    def __len__(self) -> int:
        return len(self._committed.latest().contents)

    @property
    def manifest(self) -> Manifest:
        """The generation in memory."""
        return self._committed.state.manifest

    def embedding(self) -> Embedding:
        """The embedding whose vectors these are; SpecError where the index was made for one of another kind."""
        return index_embedding(self.folder, self.manifest)

    def entries(self, where: str | None = None, kinds: Collection[str] | None = None) -> pa.Table:
        """The live entries without their vectors, those that a condition and a choice of kinds leave."""
        contents = self._committed.latest().contents
        rows = contents.allowed(where, kinds)
        return contents.table.drop_columns([NUMBER]) if rows is None else contents.take(rows)

    def vectors(self, ids: Sequence[str]) -> HostArray:
        """The vectors (n, d) of some image ids, in their order; InputError where one is not there."""
        with self._committed.reading() as state:
            rows, which = state.contents.rows_of_ids(pa.array(list(ids), pa.string()))
            if len(rows) != len(ids):
                raise InputError("an image id is not in the index", expected=len(ids), got=len(rows))
            return state.master.vectors(rows[np.argsort(which)])

    def search(
        self,
        vectors: HostArray,
        k: int = 10,
        *,
        where: str | None = None,
        exclude_patients: Sequence[str | None] | str | None = None,
        kinds: Collection[str] | None = None,
    ) -> Answers:
        """The k entries most like each of the vectors (n, d) or (d,), of those that ``where`` and ``kinds`` leave.

        ``exclude_patients`` is the patient key of each query, or None: a query never sees entries of its own patient.
        Fewer than k answers come where there are fewer entries. Raises InputError for vectors of another dimension,
        SpecError for a condition that is none, an unknown column or kind, and k out of bounds.
        """
        queries = self._queries(vectors, k)
        own = _own(exclude_patients, len(queries))
        self._committed.latest()
        with self._committed.reading() as state:
            rows = state.contents.allowed(where, kinds)
            codes = state.contents.patient_codes(own)
            found, scores = nearest(state.contents, self._searcher(state), queries, k, rows, codes)
            return answers_of(state.contents, found, scores, state.manifest.metric)

    def add(self, table: pa.Table) -> int:
        """Commit the entries that are not there yet; how many these were. What is there already is not written again.

        Raises InputError for entries that are none (:func:`scanmill.retrieval.entries.checked_entries`), and where
        an image is there with another vector or other columns: then nothing is added, and :meth:`update` is meant.
        """
        return self._change(table, additions)

    def update(self, table: pa.Table) -> int:
        """Commit the entries, in place of those with the same image ids; how many are new or differ."""
        return self._change(table, replacements)

    def remove(self, where: str | None = None, *, ids: Sequence[str] | None = None) -> int:
        """Commit that the entries of a condition, or with these image ids, are gone; how many these were."""
        if (where is None) == (ids is None):
            raise SpecError("what to remove is told by a condition or by ids", got="both" if ids else "neither")
        with self._committed.writing():
            contents = self._committed.state.contents
            if where is not None:
                rows = matching_rows(contents.table.drop_columns([NUMBER]), where)
            else:
                rows, _ = contents.rows_of_ids(pa.array(list(ids or ()), pa.string()))
            self._committed.commit(Changes(None, contents.numbers[rows]))
            return len(rows)

    def compact(self) -> None:
        """Write all live entries as one segment, forget the removed ones, and build and save the FAISS file anew."""
        with self._committed.writing():
            state = self._committed.state
            table = state.contents.table.append_column(VECTOR, as_column(state.master.all_vectors()))
            segment = segments.write_segment(self.folder, "entries", state.manifest.generation + 1, table)
            self._committed.commit_compacted(state.manifest.compacted(segment if len(table) else None))

    def renew(self) -> bool:
        """Build and save the FAISS file anew if the index has outgrown it, and say whether; no entry changes.

        That is where the rule asks for another method by now, or for cells learned on more of the entries. Small adds
        leave it alone, however many; an add that at least doubles the index does it by itself, and so does compact.
        """
        with self._committed.writing():
            outgrown = is_outgrown(self._committed.state)
            if outgrown:
                self._committed.settle(rebuild=True)
            return outgrown

    def snapshot(self, folder: str | Path) -> Index:
        """A copy of the committed state in an empty or absent folder, an index of its own."""
        from scanmill.retrieval.snapshot import copy_index

        with self._committed.writing():
            copy_index(self.folder, Path(folder), self.manifest)
        return Index.open(folder)

    def info(self) -> dict[str, Any]:
        """Numbers of the index: entries by kind, patients, embedding, method, recall, segments, bytes."""
        from scanmill.retrieval.examination import facts

        with self._committed.reading() as state:
            return facts(state)

    def check(self) -> dict[str, Any]:
        """Digest every file again and measure the recall against the exact search; ``problems`` is empty if sound."""
        from scanmill.retrieval.examination import examine

        self._committed.latest()
        with self._committed.reading() as state:
            return examine(self.folder, state)

    def _change(self, table: pa.Table, plan: Callable[[State, pa.Table], Changes]) -> int:
        manifest = self.manifest
        checked = checked_entries(table, manifest.dimension, manifest.metric)
        with self._committed.writing():
            changes = plan(self._committed.state, checked)
            self._committed.commit(changes)
            return 0 if changes.added is None else len(changes.added)

    def _searcher(self, state: State) -> Searcher:
        """The master, or its clone on the device."""
        if self._device is None:
            return state.master
        with self._cloning:
            key = (id(state.master), state.manifest.generation)
            if self._clone is None or self._clone[0] != key:
                probes = getattr(state.master, "n_probes", None)
                self._clone = key, GpuClone(state.master, self._device, probes)
            return self._clone[1]

    def _queries(self, vectors: HostArray, k: int) -> HostArray:
        queries = np.atleast_2d(np.asarray(vectors))
        manifest = self.manifest
        if queries.ndim != 2 or queries.shape[1] != manifest.dimension or queries.dtype.kind not in "fiu":
            expected, got = (f"(n, {manifest.dimension})", f"{queries.shape} {queries.dtype}")
            raise InputError("the queries do not fit the index", expected=expected, got=got)
        if not 1 <= k <= LARGEST_K or len(queries) > MOST_QUERIES:
            raise SpecError("k or the queries are out of bounds", expected=f"k of 1 to {LARGEST_K}", got=k)
        return unit_vectors(queries, manifest.metric)


def _own(patients: Sequence[str | None] | str | None, n: int) -> Sequence[str | None]:
    if patients is None or isinstance(patients, str):
        return [patients] * n
    if len(patients) != n:
        raise SpecError("a patient key or None for every query", expected=n, got=len(patients))
    return patients
