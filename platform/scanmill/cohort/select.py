"""The one door for SQL from users: a condition over the columns of a table, and nothing more.

The text is parsed by DuckDB, alone and in brackets, and both must be the same single condition; its parts are held
against an allow-list (``expression.py``). It then runs in a database of its own that can reach no file, no network
and no extension, whose settings are locked, and whose memory, threads and time are bounded.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from scanmill.cohort import expression
from scanmill.errors import SpecError

MEMORY = "2GB"
THREADS = 2
LONGEST_S = 60.0
DEEPEST = 150

_NUMBER = "__row_number__"
_QUOTED = re.compile(r"'[^']*'?|\"[^\"]*\"?")
"""DuckDB quotes values of the table in its errors; they do not belong in a message."""
_SETTINGS: dict[str, Any] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "allow_unsigned_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
    "max_expression_depth": DEEPEST,
    "memory_limit": MEMORY,
    "max_temp_directory_size": "0GB",
    "threads": THREADS,
}


def select_rows(table: pa.Table, where: str, *, seconds: float = LONGEST_S) -> pa.Table:
    """The rows, in their order, for which the SQL condition is true (a null is not).

    A dotted column may be written bare or quoted: ``metric.psnr > 30``, ``"output.image".bytes > 0``.
    Raises SpecError for anything but one condition over the table's columns, and where it runs too long.

    >>> table = pa.table({"row_key": ["a", "b", "c"], "KVP": [80.0, 120.0, None]})
    >>> select_rows(table, "KVP > 100")["row_key"].to_pylist()
    ['b']
    """
    return table.take(pa.array(matching_rows(table, where, seconds=seconds)))


def matching_rows(table: pa.Table, where: str, *, seconds: float = LONGEST_S) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The numbers of the rows for which the condition is true, ascending."""
    check_expression(where, table.column_names)
    with _locked_database() as database:
        database.register("rows", _queryable(table))
        database.execute("SET lock_configuration = true")
        found = _run(database, _query(_NUMBER, f"({where}\n)"), where, seconds)
    return np.sort(np.asarray(found, dtype=np.int64))


def check_expression(where: str, columns: Collection[str]) -> None:
    """Refuse (SpecError) whatever is not one SQL condition over these columns, saying what is in the way."""
    expression.check_text(where)
    with _locked_database() as database:
        database.execute("SET lock_configuration = true")
        bare = expression.where_clause(_parsed(database, _query("1", where)), where)
        bracketed = expression.where_clause(_parsed(database, _query("1", f"({where}\n)")), where)
    expression.check_clause(bare, columns, where)
    if not expression.same_clause(bare, bracketed):
        raise expression.refusal(where, "a closing bracket without its opening one")


def _query(what: str, where: str) -> str:
    return f"SELECT {what} FROM rows WHERE\n{where}\n"  # noqa: S608 - this is the door: parsed and checked above


@contextmanager
def _locked_database() -> Iterator[duckdb.DuckDBPyConnection]:
    database = duckdb.connect(":memory:", config=_SETTINGS)
    try:
        yield database
    finally:
        database.close()


def _parsed(database: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    try:
        row = database.execute("SELECT json_serialize_sql(?)", [query]).fetchone()
        parsed: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    except (duckdb.Error, RecursionError, UnicodeError) as error:
        raise SpecError("not an SQL expression that can be read", got=type(error).__name__) from error
    return parsed


def _run(database: duckdb.DuckDBPyConnection, query: str, where: str, seconds: float) -> Any:
    late = threading.Event()

    def stop() -> None:
        late.set()
        database.interrupt()

    watch = threading.Timer(seconds, stop)
    watch.start()
    try:
        return database.execute(query).fetchnumpy()[_NUMBER]
    except duckdb.Error as error:
        if late.is_set():
            raise SpecError("the SQL condition ran too long", expected=f"at most {seconds:g} s") from error
        text = _QUOTED.sub("...", str(error).splitlines()[0])
        raise SpecError("the SQL condition cannot be evaluated", where=where[:120], got=text) from error
    finally:
        watch.cancel()


def _queryable(table: pa.Table) -> pa.Table:
    """The table with a row number, and its dotted columns also as structs (``metric.psnr`` under ``metric``)."""
    taken = {name.lower() for name in table.column_names}
    groups: dict[str, list[str]] = {}
    for name in table.column_names:
        head, dot, _ = name.partition(".")
        if dot and head.lower() not in taken:
            groups.setdefault(head, []).append(name)
    shown = table.append_column(_NUMBER, pa.array(np.arange(table.num_rows, dtype=np.int64)))
    for head, names in groups.items():
        parts = table.select(names).combine_chunks()
        arrays = [_solid(parts[name]) for name in names]
        struct = pa.StructArray.from_arrays(arrays, names=[name.partition(".")[2] for name in names])
        shown = shown.append_column(head, struct)
    return shown


def _solid(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
