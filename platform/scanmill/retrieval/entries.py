"""The entries of an index: what a row of it holds, and the name by which an image is known for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from scanmill.arrays import HostArray
from scanmill.errors import InputError

KINDS = ("series", "slice", "region")
BOX = ("x", "y", "z", "w", "h", "d")
REGION = pa.struct([*((name, pa.int32()) for name in BOX), ("label", pa.string())])
"""A box in voxels, its first voxel and its size along (x, y, z), and what it shows."""

COLUMNS: dict[str, pa.DataType] = {
    "image_id": pa.string(),
    "row_key": pa.string(),
    "patient_key": pa.string(),
    "run_id": pa.string(),
    "stage": pa.string(),
    "output": pa.string(),
    "kind": pa.string(),
    "region": REGION,
    "uri": pa.string(),
    "modality": pa.string(),
    "body_part": pa.string(),
}
"""What every entry has beside its vector; further columns are free."""
NEEDED = ("row_key", "stage", "output", "kind", "vector")
VECTOR, NUMBER = "vector", "number"
OURS = frozenset({NUMBER, "query", "rank", "score", "complete"})
"""Columns that an index and its answers add themselves."""
MOST_AT_ONCE = 20_000_000
_TEXT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def image_id(row_key: str, stage: str, output: str, region: Mapping[str, Any] | None = None) -> str:
    """The name of an image: 32 hexadecimal digits of the SHA-256 of where it comes from and which part of it it is.

    >>> image_id("lung/a", "main", "image")[:8], image_id("lung/a", "main", "image", {"z": 3, "d": 1})[:8]
    ('69409d51', '8d9c9ae5')
    """
    part = None if region is None else [region.get(name) for name in (*BOX, "label")]
    return hashlib.sha256(_TEXT([row_key, stage, output, part]).encode()).hexdigest()[:32]


def checked_entries(table: pa.Table, dimension: int, metric: str) -> pa.Table:
    """The table with every column of an entry, typed, its ids made, its vectors float32 (of length 1 for "cosine").

    Raises InputError for a column that is missing or of another type, an id that is not the entry's own, an entry
    twice, and vectors of another dimension, not finite or of no length.
    """
    _check_names(table)
    vectors = unit_vectors(vectors_of(table, dimension), metric)
    made: dict[str, Any] = {name: _typed(table, name, kind) for name, kind in COLUMNS.items() if name != "image_id"}
    _check_values(made)
    ids = _ids(made)
    if "image_id" in table.column_names and table["image_id"].combine_chunks() != ids:
        raise InputError("an image id is not the entry's own", do="leave the column out, or use entries.image_id")
    if len(ids.unique()) != len(ids):
        raise InputError("an entry stands twice", got=f"{len(ids)} entries, {len(ids.unique())} ids")
    free = {name: table[name] for name in table.column_names if name not in made and name not in ("image_id", VECTOR)}
    return pa.table({"image_id": ids, **made, **free, VECTOR: as_column(vectors)})


def image_ids(table: pa.Table) -> pa.Array:
    """The image id of every entry, from its row key, stage, output and region."""
    return _ids({name: _typed(table, name, COLUMNS[name]) for name in ("row_key", "stage", "output", "region")})


def vectors_of(table: pa.Table, dimension: int) -> HostArray:
    """The vectors (n, dimension), float32; InputError where they are not of that kind."""
    column = table[VECTOR]
    kind = column.type
    if not any(test(kind) for test in (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)):
        raise InputError("vectors are lists of numbers", where=VECTOR, got=kind)
    if column.null_count:
        raise InputError("an entry has no vector", got=f"{column.null_count} of {len(column)}")
    solid = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], kind)
    numbers = solid.flatten()
    lengths = {kind.list_size} if pa.types.is_fixed_size_list(kind) else set(np.diff(solid.offsets).tolist())
    if lengths - {dimension}:
        raise InputError("a vector of another dimension than the index", expected=dimension, got=sorted(lengths)[:3])
    if not pa.types.is_floating(numbers.type) or numbers.null_count:
        raise InputError("vectors are lists of floating numbers without gaps", where=VECTOR, got=kind)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(len(table), dimension)


def unit_vectors(vectors: HostArray, metric: str) -> HostArray:
    """The vectors, float32, contiguous; for "cosine" each of length 1. InputError where one is not finite or zero."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    squares = np.einsum("nd,nd->n", vectors, vectors)
    if not np.isfinite(squares).all():
        raise InputError("a vector is not finite", got=f"row {int(np.flatnonzero(~np.isfinite(squares))[0])}")
    if metric != "cosine":
        return vectors
    if len(squares) and squares.min() <= 0:
        raise InputError("a vector of zeros has no direction", got=f"row {int(np.argmin(squares))}")
    return np.asarray(vectors / np.sqrt(squares)[:, None])


def as_column(vectors: HostArray) -> pa.Array:
    """Vectors (n, d) as a column of lists of d numbers."""
    numbers = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(numbers, vectors.shape[1])


def _check_names(table: pa.Table) -> None:
    names = table.column_names
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise InputError("an entry lacks a column", expected=", ".join(NEEDED), got=f"no {missing[0]!r}")
    taken = sorted(OURS.intersection(names)) or sorted({name for name in names if names.count(name) > 1})
    if taken:
        raise InputError("a column's name is taken", got=taken[0])
    if len(table) > MOST_AT_ONCE:
        raise InputError("too many entries at once", expected=f"at most {MOST_AT_ONCE}", got=len(table))


def _typed(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), kind)
    try:
        column = table[name].combine_chunks()
        return _region(column) if name == "region" else column.cast(kind)
    except (pa.ArrowException, ValueError) as error:
        raise InputError("a column of another type", where=name, expected=kind, got=table[name].type) from error


def _region(column: Any) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, REGION)
    if column.type == REGION:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), REGION)
    return pa.array(column.to_pylist(), REGION)


def _check_values(columns: Mapping[str, pa.Array]) -> None:
    for name in ("row_key", "stage", "output", "kind"):
        if columns[name].null_count:
            raise InputError("an entry has a gap", where=name)
    strange = sorted(set(columns["kind"].unique().to_pylist()) - set(KINDS))
    if strange:
        raise InputError("an unknown kind of entry", expected=", ".join(KINDS), got=strange[0])


def _ids(columns: Mapping[str, pa.Array]) -> pa.Array:
    parts = (columns[name].to_pylist() for name in ("row_key", "stage", "output", "region"))
    return pa.array([image_id(*part) for part in zip(*parts, strict=True)], pa.string())
