"""What a change of an index comes to: which entries are new, which are there already, which take another's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.retrieval.entries import NUMBER, VECTOR, vectors_of
from scanmill.retrieval.manifest import Manifest, Segment
from scanmill.retrieval.segments import write_segment
from scanmill.retrieval.state import State

Written = tuple[Segment | None, Segment | None, Sequence[tuple[pa.Table, HostArray]]]


@dataclass(frozen=True)
class Changes:
    """Entries to add, or None, and the numbers of those to remove."""

    added: pa.Table | None
    removed: HostArray

    def written(self, folder: Path, manifest: Manifest) -> Written:
        """The segments, on the disk and not yet committed, and the added entries with their numbers and vectors."""
        generation, removed, added = manifest.generation + 1, None, None
        pairs: list[tuple[pa.Table, HostArray]] = []
        if len(self.removed):
            removed = write_segment(folder, "removed", generation, pa.table({NUMBER: self.removed}))
        if self.added is not None and len(self.added):
            numbers = np.arange(len(self.added), dtype=np.int64) + manifest.next_number
            table = self.added.append_column(NUMBER, pa.array(numbers))
            added = write_segment(folder, "entries", generation, table)
            pairs.append((table.drop_columns([VECTOR]), vectors_of(table, manifest.dimension)))
        return added, removed, pairs


def additions(state: State, table: pa.Table) -> Changes:
    """The entries whose ids are not there; InputError where one is there and differs."""
    state.contents.check_columns(table)
    rows, places = state.contents.rows_of_ids(table["image_id"].combine_chunks())
    different = _different(state, rows, table, places)
    if len(different):
        first = table["image_id"][int(places[different[0]])].as_py()
        what = "an image is in the index with another content"
        raise InputError(what, where=first, got=f"{len(different)} of them", do="update the index instead")
    return Changes(_others(table, places), np.zeros(0, np.int64))


def replacements(state: State, table: pa.Table) -> Changes:
    """The entries that are not there or differ, and the numbers of those whose place they take."""
    state.contents.check_columns(table)
    rows, places = state.contents.rows_of_ids(table["image_id"].combine_chunks())
    different = _different(state, rows, table, places)
    same = np.setdiff1d(places, places[different])
    return Changes(_others(table, same), state.contents.numbers[rows[different]])


def _others(table: pa.Table, places: HostArray) -> pa.Table:
    if not len(places):
        return table
    kept = np.ones(len(table), dtype=bool)
    kept[places] = False
    return table.filter(pa.array(kept))


def _different(state: State, rows: HostArray, table: pa.Table, places: HostArray) -> HostArray:
    """Which of the pairs of an entry that is there and one of the table are not the same in every column."""
    if not len(rows):
        return np.zeros(0, np.int64)
    old, new = state.contents.take(rows), table.take(pa.array(places))
    differs = (vectors_of(new, state.manifest.dimension) != state.master.vectors(rows)).any(axis=1)
    for name in {*old.column_names, *new.column_names} - {NUMBER, VECTOR, "image_id"}:
        one, other = _column(old, name), _column(new, name)
        differs |= _unequal(one, other)
    return np.flatnonzero(differs)


def _column(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks() if name in table.column_names else pa.nulls(len(table))


def _unequal(one: pa.Array, other: pa.Array) -> HostArray:
    if one.equals(other):
        return np.zeros(len(one), dtype=bool)
    if pa.types.is_nested(one.type) or pa.types.is_nested(other.type) or one.type != other.type:
        return np.array([a != b for a, b in zip(one.to_pylist(), other.to_pylist(), strict=True)])
    same = pc.fill_null(pc.equal(one, other), False)  # noqa: FBT003 - the value of a gap
    both_gaps = pc.and_(pc.is_null(one), pc.is_null(other))
    return np.asarray(~pc.or_(same, both_gaps).to_numpy(zero_copy_only=False))
