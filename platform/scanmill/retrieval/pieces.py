"""Entries that lie together in memory, kept so that some of them are read from as few places as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from scanmill.arrays import HostArray
from scanmill.retrieval.entries import NUMBER

FEW_WORDS = 255
"""A column of strings with so few different ones is kept as their numbers, a byte an entry."""
LOOKED_AT = 1000
"""Entries that tell whether a column may have few words; a column with more of them than a tenth is not tried."""


@dataclass(frozen=True, eq=False)
class Words:
    """A column of few different strings: a take reads a byte each instead of two far places."""

    codes: pa.Array
    words: pa.Array

    @classmethod
    def of(cls, column: pa.Array) -> Words | None:
        """The column so, or None where it has more words."""
        first = column.slice(0, LOOKED_AT)
        if len(first.unique()) > max(1, len(first) // 10):
            return None
        encoded = column.dictionary_encode()
        few = len(encoded.dictionary) <= FEW_WORDS
        return cls(encoded.indices.cast(pa.uint8()), encoded.dictionary) if few else None

    def take(self, places: pa.Array) -> pa.Array:
        """Some of the strings."""
        return self.words.take(self.codes.take(places))


@dataclass(frozen=True, eq=False)
class Keys:
    """A column of strings of one length, as digests are: a take reads one far place each instead of two."""

    texts: pa.Array

    @classmethod
    def of(cls, column: pa.Array) -> Keys | None:
        """The column so, where it lies, or None where lengths differ or strings are missing."""
        offsets = np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, 4 * column.offset)
        width = int(offsets[1] - offsets[0])
        if column.null_count or not width or (np.diff(offsets) != width).any():
            return None
        data = column.buffers()[2].slice(int(offsets[0]), width * len(column))
        return cls(pa.Array.from_buffers(pa.binary(width), len(column), [None, data]))

    def take(self, places: pa.Array) -> pa.Array:
        """Some of the strings."""
        taken, width = self.texts.take(places), self.texts.type.byte_width
        offsets = np.arange(0, width * (len(taken) + 1), width, dtype=np.int32)
        buffers = [None, pa.py_buffer(offsets), taken.buffers()[1]]
        return pa.Array.from_buffers(pa.string(), len(taken), buffers)


@dataclass(frozen=True, eq=False)
class Piece:
    """A record batch of entries with their numbers; what speeds :meth:`take` is made at the first one and kept."""

    batch: pa.RecordBatch

    def __len__(self) -> int:
        return len(self.batch)

    @cached_property
    def _columns(self) -> dict[str, Any]:
        told = [name for name in self.batch.schema.names if name != NUMBER]
        return {name: _short(self.batch.column(name)) for name in told}

    def take(self, rows: HostArray, names: Sequence[str] | None = None) -> pa.RecordBatch:
        """Some rows in the order asked for; all columns but the numbers, or some."""
        places, names = pa.array(rows), list(self._columns) if names is None else names
        return pa.RecordBatch.from_arrays([_taken(self._columns[name], places) for name in names], names=names)

    def those(self, kept: HostArray) -> Piece:
        """The entries of a mask, itself where these are all."""
        return self if kept.all() else Piece(self.batch.filter(pa.array(kept)))

    def of_schema(self, schema: pa.Schema) -> Piece:
        """The same entries with the columns of a schema that has all of theirs; gaps in those that they lack."""
        if self.batch.schema.equals(schema):
            return self
        missing = {name: pa.nulls(len(self), schema.field(name).type) for name in schema.names}
        there = dict(zip(self.batch.schema.names, self.batch.columns, strict=True))
        columns = [{**missing, **there}[name].cast(schema.field(name).type) for name in schema.names]
        return Piece(pa.RecordBatch.from_arrays(columns, schema=schema))


def _short(column: pa.Array) -> pa.Array | Words | Keys:
    if column.type != pa.string() or column.null_count == len(column):
        return column
    return Words.of(column) or Keys.of(column) or column


def _taken(column: pa.Array | Words | Keys, places: pa.Array) -> pa.Array:
    """Some of a column; of one without any value, as the regions of series, it costs nothing."""
    if isinstance(column, pa.Array) and column.null_count == len(column):
        return pa.nulls(len(places), column.type)
    return column.take(places)
