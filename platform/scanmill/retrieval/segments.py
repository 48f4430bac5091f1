"""The files that are an index's truth: Parquet, written once, never changed, known by their digest."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scanmill.arrays import HostArray
from scanmill.cohort import parquet
from scanmill.cohort.hashing import sha256_of
from scanmill.errors import SpecError
from scanmill.retrieval.entries import NUMBER, VECTOR, vectors_of
from scanmill.retrieval.manifest import RESTORE, Manifest, Segment
from scanmill.storage.faults import storage_faults


def write_segment(folder: Path, kind: str, generation: int, table: pa.Table) -> Segment:
    """A new file of ``kind`` "entries" or "removed", on the disk when this returns; it counts once it is committed."""
    path = folder / f"{kind}-{generation:08d}-{secrets.token_hex(4)}.parquet"
    parquet.write(path, table)
    with storage_faults(path.name):
        digest, size = sha256_of(path)
    return Segment(path.name, len(table), size, digest)


def read_entries(folder: Path, segment: Segment, dimension: int) -> tuple[pa.Table, HostArray]:
    """Its entries without their vectors, and the vectors (rows, dimension), if their digest is what was written."""
    wrong = damage(folder, segment)
    if wrong:
        raise _damaged(segment, wrong)
    table = _read(folder, segment)
    if VECTOR not in table.column_names or NUMBER not in table.column_names:
        raise _damaged(segment, "columns are missing")
    return table.drop_columns([VECTOR]), vectors_of(table, dimension)


def read_words(folder: Path, segment: Segment) -> pa.Table:
    """Its entries without their vectors, which are not read."""
    path = _present(folder, segment)
    names = [name for name in _opened(path, segment).schema_arrow.names if name != VECTOR]
    return _read(folder, segment, names)


def read_removed(folder: Path, segment: Segment) -> HostArray:
    """The numbers of the entries that it removes."""
    return np.asarray(_read(folder, segment)[NUMBER].to_numpy(), dtype=np.int64)


def damage(folder: Path, segment: Segment) -> str | None:
    """What is wrong with a file, by its digest; None where it is what was written."""
    try:
        digest, _ = sha256_of(_present(folder, segment))
    except (SpecError, OSError) as error:
        return error.got if isinstance(error, SpecError) else "it cannot be read"  # type: ignore[return-value]
    return None if digest == segment.sha256 else "its content has changed"


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove what no commit names: the rest of a writer that died, and what compaction has replaced."""
    named = {segment.name for segment in (*manifest.entries, *manifest.removed)}
    for pattern in ("entries-*.parquet", "removed-*.parquet", ".*.parquet.*", ".*.json.*"):
        for path in folder.glob(pattern):
            if path.name not in named:
                path.unlink(missing_ok=True)


def _read(folder: Path, segment: Segment, columns: list[str] | None = None) -> pa.Table:
    path = _present(folder, segment)
    try:
        table = _opened(path, segment).read(columns)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(segment, "it cannot be read") from error
    if len(table) != segment.rows:
        raise _damaged(segment, f"{len(table)} rows instead of {segment.rows}")
    return table


def _opened(path: Path, segment: Segment) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(segment, "it is not Parquet") from error


def _present(folder: Path, segment: Segment) -> Path:
    path = folder / segment.name
    if path.is_symlink() or not path.is_file():
        raise _damaged(segment, "it is not there")
    size = path.stat().st_size
    if size != segment.bytes:
        raise _damaged(segment, f"{size} bytes instead of {segment.bytes}")
    return path


def _damaged(segment: Segment, got: str) -> SpecError:
    return SpecError("a segment of the index is damaged", where=segment.name, got=got, do=RESTORE)
