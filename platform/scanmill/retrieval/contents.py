"""What an index knows of its entries beside their vectors: a table in memory, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scanmill.arrays import HostArray
from scanmill.cohort.select import matching_rows
from scanmill.errors import InputError, SpecError
from scanmill.retrieval.entries import COLUMNS, KINDS, NUMBER
from scanmill.retrieval.pieces import Piece


@dataclass(frozen=True, eq=False)
class Contents:
    """The live entries: a row each, their numbers ascending; row i belongs to vector i of the master.

    They lie in a few pieces, none of them empty, all with the columns of ``schema``.
    """

    pieces: tuple[Piece, ...]
    schema: pa.Schema

    @classmethod
    def empty(cls) -> Contents:
        """No entries."""
        return cls((), pa.schema({**COLUMNS, NUMBER: pa.int64()}))

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    @cached_property
    def table(self) -> pa.Table:
        """All columns with the numbers, where they lie."""
        return pa.Table.from_batches([piece.batch for piece in self.pieces], self.schema)

    @cached_property
    def numbers(self) -> HostArray:
        """The number of every row, int64."""
        return np.asarray(self.table[NUMBER].to_numpy(), dtype=np.int64)

    def with_added(self, table: pa.Table) -> Contents:
        """These and further rows, of higher numbers.

        A piece is joined with the one before it unless that is more than twice as long, so that there are few pieces
        and a commit of a few entries does not copy a million.
        """
        schema = pa.unify_schemas([self.schema, table.schema], promote_options="default")
        kept, joined = list(self.pieces), [table]
        while kept and len(kept[-1]) <= 2 * sum(map(len, joined)):
            joined.insert(0, pa.Table.from_batches([kept.pop().batch]))
        together = pa.concat_tables([part for part in joined if len(part)] or joined, promote_options="default")
        fresh = [Piece(batch) for batch in together.combine_chunks().to_batches() if len(batch)]
        return Contents(tuple(piece.of_schema(schema) for piece in (*kept, *fresh)), schema)

    def check_columns(self, table: pa.Table) -> None:
        """InputError where a column of the table has another type than here."""
        for name in set(self.schema.names).intersection(table.column_names):
            expected, got = self.schema.field(name).type, table.schema.field(name).type
            if expected != got and not any(map(pa.types.is_null, (expected, got))):
                raise InputError("a column has another type than in the index", where=name, expected=expected, got=got)

    def without(self, rows: HostArray) -> Contents:
        """The others; a piece that loses nothing stays as it is."""
        if not len(rows):
            return self
        kept = np.ones(len(self), dtype=bool)
        kept[rows] = False
        parts = np.split(kept, self._firsts[1:])
        left = [
            p if part.all() else Piece(p.batch.filter(pa.array(part)))
            for p, part in zip(self.pieces, parts, strict=True)
        ]
        return Contents(tuple(piece for piece in left if len(piece)), self.schema)

    @cached_property
    def _firsts(self) -> HostArray:
        """The first row of each piece."""
        return np.cumsum([0, *map(len, self.pieces)])[:-1]

    def take(self, rows: HostArray, names: Sequence[str] | None = None) -> pa.Table:
        """Some rows in the order asked for, from the pieces where they lie; all columns but the numbers, or some.

        A take from a table in several pieces first makes one of each column; this one costs what it takes.
        """
        if not len(rows):
            table = self.schema.empty_table().drop_columns([NUMBER])
            return table if names is None else table.select(names)
        if len(self.pieces) == 1:
            return pa.Table.from_batches([self.pieces[0].take(rows, names)])
        piece = np.searchsorted(self._firsts, rows, side="right") - 1
        order = np.argsort(piece, kind="stable")
        taken = [self.pieces[i].take(rows[piece == i] - self._firsts[i], names) for i in np.unique(piece)]
        if len(taken) == 1:
            return pa.Table.from_batches(taken)
        return pa.Table.from_batches(taken).combine_chunks().take(pa.array(np.argsort(order)))

    def rows_of_numbers(self, numbers: HostArray) -> HostArray:
        """The rows with these numbers, ascending; numbers that are not there have none."""
        return np.flatnonzero(np.isin(self.numbers, numbers))

    def rows_of_ids(self, ids: pa.Array) -> tuple[HostArray, HostArray]:
        """The rows that have one of these image ids, ascending, and which of the ids each has."""
        if not len(self):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        places = pc.index_in(self.table["image_id"], value_set=ids)
        which = pc.fill_null(places, -1).to_numpy()
        rows = np.flatnonzero(which >= 0)
        return rows, which[rows]

    def allowed(self, where: str | None, kinds: Collection[str] | None) -> HostArray | None:
        """The rows that a condition and a choice of kinds leave, ascending; None where nothing is asked.

        Raises SpecError for an unknown column, kind, or anything but one SQL condition.
        """
        strange = sorted(set(kinds or ()) - set(KINDS))
        if strange or (kinds is not None and not kinds):
            raise SpecError("an unknown kind of entry", expected=", ".join(KINDS), got=", ".join(strange) or "none")
        rows = None if where is None else matching_rows(self.table.drop_columns([NUMBER]), where)
        if kinds is not None and set(kinds) != set(KINDS):
            fits = pc.is_in(self.table["kind"], value_set=pa.array(sorted(kinds))).to_numpy()
            rows = np.flatnonzero(fits) if rows is None else rows[fits[rows]]
        return rows

    @cached_property
    def _patients(self) -> tuple[dict[str, int], HostArray]:
        encoded = pc.dictionary_encode(self.table["patient_key"].combine_chunks())
        encoded = pa.concat_arrays(encoded.chunks) if isinstance(encoded, pa.ChunkedArray) else encoded
        codes = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int32)
        return {key: code for code, key in enumerate(encoded.dictionary.to_pylist())}, codes

    def patient_codes(self, keys: Sequence[str | None]) -> HostArray:
        """The code of each patient, int64; -1 for none and for a patient who is not here."""
        if list(keys).count(None) == len(keys):
            return np.full(len(keys), -1, dtype=np.int64)
        codes, _ = self._patients
        return np.array([-1 if key is None else codes.get(key, -1) for key in keys], dtype=np.int64)

    @property
    def patient_of_row(self) -> HostArray:
        """The code of every row's patient; -1 where the entry names none."""
        return self._patients[1]
