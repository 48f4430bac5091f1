"""Parquet files that are whole or absent, and the same bytes for the same content."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from scanmill.errors import SpecError
from scanmill.storage.faults import storage_faults

ROW_GROUP = 50_000
WRITING = {"compression": "zstd", "compression_level": 3, "version": "2.6", "write_statistics": True}


def read(path: Path) -> tuple[pa.Table, dict[bytes, bytes]]:
    """The table and its metadata; SpecError where there is none, or none that can be read."""
    if not path.is_file():
        raise SpecError("no such table", where=path.name, do="build the cohort with `scanmill cohort build`")
    try:
        # one file, read as such: no guessing of partitions from the names of folders
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise SpecError("the table cannot be read", where=path.name, got="damaged, or not Parquet") from error
    return table, dict(table.schema.metadata or {})


def write(path: Path, table: pa.Table, *, mode: int = 0o644) -> None:
    """Write a table atomically."""
    with atomic(path, mode=mode) as stream:
        pq.write_table(table.combine_chunks(), stream, row_group_size=ROW_GROUP, **WRITING)


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write bytes atomically."""
    with atomic(path, mode=mode) as stream:
        stream.write(content)


@contextmanager
def atomic(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A stream whose content appears under ``path`` when the block ends well, flushed to the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with storage_faults(path.name):
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
            _sync_folder(path.parent)
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    if draft.parent.is_dir():
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
