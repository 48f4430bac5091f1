"""Records that come in any order, kept on disk by row group, and given back in the order of the rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

from scanmill.cohort import schema
from scanmill.cohort.records import Record, files_table, record_table
from scanmill.errors import SpecError

BUFFERED = 20_000
"""Records held in memory before they are written out."""
_NUMBER = "__row_number__"


class Spool:
    """A folder of small tables, some for each row group; what was added comes back by ``groups``."""

    def __init__(self, row_keys: pa.ChunkedArray, row_group: int) -> None:
        self._number = {key: index for index, key in enumerate(row_keys.to_pylist())}
        self._seen = bytearray(len(self._number))
        self._row_group = row_group
        self._buffer: dict[int, list[tuple[int, Record]]] = {}
        self._buffered = 0
        self._n_parts = 0
        self._folder = tempfile.TemporaryDirectory(prefix="scanmill-results-")
        self.columns: set[str] = set()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *error: Any) -> None:
        self._folder.cleanup()

    def add(self, record: Record) -> None:
        """Keep one record; SpecError when its row is unknown or has one already."""
        number = self._number.get(record["row_key"])
        if number is None:
            raise SpecError("a result belongs to no row of the cohort", got=record["row_key"])
        if self._seen[number]:
            raise SpecError("a row has two results", got=record["row_key"])
        self._seen[number] = 1
        self._buffer.setdefault(number // self._row_group, []).append((number, record))
        self._buffered += 1
        if self._buffered >= BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write out what is held; ``columns`` is complete after it."""
        for group, pairs in self._buffer.items():
            records = [record for _, record in pairs]
            table = record_table(records)
            self.columns.update(table.column_names)
            numbers = pa.array([number for number, _ in pairs], pa.int64())
            self._write(group, "rows", table.append_column(_NUMBER, numbers))
            self._write(group, "files", files_table(records))
            self._n_parts += 1
        self._buffer, self._buffered = {}, 0

    def groups(self) -> Iterator[tuple[int, int, pa.Table, pa.Table]]:
        """Of each row group: its first row, its length, its records in order (null where there is none), its files."""
        for start in range(0, len(self._seen), self._row_group):
            group, length = start // self._row_group, min(self._row_group, len(self._seen) - start)
            place = np.full(length, -1, dtype=np.int64)
            rows = self._read(group, "rows", pa.schema([(_NUMBER, pa.int64())]))
            place[rows[_NUMBER].to_numpy() - start] = np.arange(rows.num_rows)
            index = pa.array(place, mask=place < 0)
            yield start, length, rows.drop_columns([_NUMBER]).take(index), self._read(group, "files", schema.FILES)

    def _write(self, group: int, name: str, table: pa.Table) -> None:
        if table.num_rows:
            path = Path(self._folder.name) / f"{group}.{name}.{self._n_parts}"
            feather.write_feather(table, path, compression="zstd")

    def _read(self, group: int, name: str, empty: pa.Schema) -> pa.Table:
        paths = sorted(Path(self._folder.name).glob(f"{group}.{name}.*"))
        tables = [feather.read_table(path, memory_map=False) for path in paths]
        return pa.concat_tables([empty.empty_table(), *tables], promote_options="default")
