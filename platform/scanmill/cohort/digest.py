"""The digest of a table's content, whatever its chunks, order of columns or file layout."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...


def table_digest(table: pa.Table, *, order: tuple[str, ...] = ("row_key",)) -> str:
    """SHA-256 over the columns by name, the rows sorted by ``order``; metadata does not count.

    >>> one = pa.table({"row_key": ["b", "a"], "n": [2, None]})
    >>> two = pa.table({"n": [None, 2], "row_key": ["a", "b"]})
    >>> table_digest(one) == table_digest(two), table_digest(one) == table_digest(one.slice(1))
    (True, False)
    """
    table = table.sort_by([(column, "ascending") for column in order])
    total = hashlib.sha256(str(table.num_rows).encode())
    for name in sorted(table.column_names):
        total.update(repr(name).encode())
        _feed(total, table[name].combine_chunks())
    return total.hexdigest()


def _feed(total: _Hash, column: Any) -> None:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    total.update(str(column.type).encode())
    total.update(np.packbits(np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)).data)
    kind = column.type
    if pa.types.is_struct(kind):
        for index, part in enumerate(column.flatten()):
            total.update(repr(kind.field(index).name).encode())
            _feed(total, part)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        _feed_numbers(total, pc.list_value_length(column))
        _feed(total, column.flatten())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        _feed_text(total, column)
    else:
        _feed_numbers(total, column if _is_number(kind) else column.cast(pa.string()))


def _is_number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    return any(test(kind) for test in tests)


def _feed_text(total: _Hash, column: pa.Array) -> None:
    solid = pc.fill_null(column, b"" if pa.types.is_binary(column.type) else "").cast(pa.large_binary())
    _feed_numbers(total, pc.binary_length(solid))
    offsets = np.frombuffer(solid.buffers()[1], dtype=np.int64)[solid.offset : solid.offset + len(solid) + 1]
    data = solid.buffers()[2]
    if data is not None and len(solid):
        total.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])


def _feed_numbers(total: _Hash, column: pa.Array) -> None:
    if pa.types.is_string(column.type):
        _feed_text(total, column)
    elif not pa.types.is_null(column.type):
        zero = pa.scalar(0).cast(column.type)
        values = pc.fill_null(column, zero).to_numpy(zero_copy_only=False)
        total.update(np.ascontiguousarray(values).data)
