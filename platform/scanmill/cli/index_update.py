"""Entries go into an index: created where there is none, what an image no longer has is taken out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scanmill.algorithms.features import Embedding
from scanmill.cli.run_entries import Described, RunEntries
from scanmill.retrieval import Index, image_id

WAIT_S = 120.0
"""How long a writer waits for another one."""
MOST_SEGMENTS = 256
"""From so many commits on, an index is written anew as one."""
IDENTITY = ("row_key", "stage", "output")


def open_or_create(folder: Path, embedding: Embedding) -> Index:
    """The index in the folder, or a new one for this embedding."""
    if folder.is_dir() and any(folder.iterdir()):
        return Index.open(folder, wait_s=WAIT_S)
    return Index.create(folder, embedding)


class IndexWriter:
    """Writes a run's entries into an index in a folder; those of another embedding are counted and left out."""

    def __init__(self, folder: Path, entries: RunEntries) -> None:
        self.folder, self.entries = folder, entries
        self.written, self._strangers = 0, set[Described]()
        self._index: Index | None = None

    @property
    def strangers(self) -> int:
        """How many images were left out, since another embedding made their entries."""
        return len(self._strangers)

    def write(self, described: Sequence[Described]) -> None:
        """Commit the entries of some rows, in place of those that the same rows had from the same output."""
        tables = [table for one in described if (table := self._table(one)) is not None]
        if tables and self._index is not None:
            table = pa.concat_tables(tables, promote_options="permissive")
            gone = _gone(self._index.entries(), table)
            if gone:
                self._index.remove(ids=gone)
            self.written += self._index.update(table)
            if len(self._index.manifest.entries) > MOST_SEGMENTS:
                self._index.compact()

    def renew(self) -> None:
        """Where entries were written, learn the cells anew if these have made the index outgrow them."""
        if self._index is not None and self.written:
            self._index.renew()

    def missing(self, described: Iterable[Described]) -> list[Described]:
        """Those that the index does not have from this run yet."""
        described = list(described)
        if self._index is None and not (self.folder.is_dir() and any(self.folder.iterdir())):
            return described
        self._index = self._index or Index.open(self.folder, wait_s=WAIT_S)
        table = self._index.entries()
        ours = table.filter(pc.equal(table["run_id"], self.entries.run_id)).select(IDENTITY)
        there = set(zip(*(column.to_pylist() for column in ours.columns), strict=True))
        return [one for one in described if (one.row_key, one.stage, one.output) not in there]

    def _table(self, one: Described) -> pa.Table | None:
        found = self.entries.read(one)
        if self._index is None:
            self._index = open_or_create(self.folder, self.entries.embedding(found))
        if found.embedding != self._index.manifest.digest:
            self._strangers.add(one)
            return None
        return self.entries.table(one, found)


def _gone(there: pa.Table, table: pa.Table) -> list[str]:
    """The ids of entries that the same outputs of the same rows had, and have no more."""
    same = there.filter(pc.is_in(there["row_key"], value_set=table["row_key"].combine_chunks()))
    if not len(same):
        return []
    columns = [table[name].to_pylist() for name in (*IDENTITY, "region")]
    fresh = {image_id(*place) for place in zip(*columns, strict=True)}
    outputs = set(zip(*columns[:3], strict=True))
    lines = zip(same["image_id"].to_pylist(), *(same[name].to_pylist() for name in IDENTITY), strict=True)
    return [name for name, *output in lines if name not in fresh and tuple(output) in outputs]
