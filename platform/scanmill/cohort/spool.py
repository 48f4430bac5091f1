"""Records that come in any order, kept on disk by row group, and given back in the order of the rows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from scanmill.errors import SpecError

BUFFERED = 20_000
"""Records held in memory before they are written out."""


class Spool:
    """A folder of JSON lines, one file per row group; what was added comes back by ``groups``."""

    def __init__(self, row_keys: pa.ChunkedArray, row_group: int) -> None:
        self._number = {key: index for index, key in enumerate(row_keys.to_pylist())}
        self._seen = bytearray(len(self._number))
        self._row_group = row_group
        self._buffer: dict[int, list[str]] = {}
        self._buffered = 0
        self._folder = tempfile.TemporaryDirectory(prefix="scanmill-results-")
        self.columns: set[str] = set()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *error: Any) -> None:
        self._folder.cleanup()

    def add(self, record: Mapping[str, Any]) -> None:
        """Keep one record; SpecError when its row is unknown or has one already."""
        number = self._number.get(record["row_key"])
        if number is None:
            raise SpecError("a result belongs to no row of the cohort", got=record["row_key"])
        if self._seen[number]:
            raise SpecError("a row has two results", got=record["row_key"])
        self._seen[number] = 1
        self.columns.update(record)
        line = json.dumps([number, dict(record)], separators=(",", ":"), default=_plain)
        self._buffer.setdefault(number // self._row_group, []).append(line)
        self._buffered += 1
        if self._buffered >= BUFFERED:
            self._flush()

    def groups(self) -> Iterator[tuple[int, list[dict[str, Any] | None]]]:
        """The number of each group's first row, and its records in order; None where there is none."""
        for start in range(0, len(self._seen), self._row_group):
            found: list[dict[str, Any] | None] = [None] * min(self._row_group, len(self._seen) - start)
            for line in self._lines(start // self._row_group):
                number, record = json.loads(line)
                found[number - start] = record
            yield start, found

    def _lines(self, group: int) -> Iterator[str]:
        path = self._path(group)
        if path.exists():
            with path.open(encoding="utf-8") as stream:
                yield from stream
        yield from self._buffer.get(group, ())

    def _flush(self) -> None:
        for group, lines in self._buffer.items():
            with self._path(group).open("a", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")
        self._buffer, self._buffered = {}, 0

    def _path(self, group: int) -> Path:
        return Path(self._folder.name) / f"{group}.jsonl"


def _plain(value: Any) -> Any:
    """A NumPy number as Python's own."""
    return value.item()
