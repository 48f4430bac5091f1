"""Results: a manifest again, with exactly one row per row of the cohort, whatever became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanmill.cohort import parquet, schema
from scanmill.cohort.manifest import FILES_ORDER, Cohort, side_path
from scanmill.cohort.records import FIXED, RUN_ROOT, Record, content_digest, kind_of
from scanmill.cohort.spool import Spool

__all__ = ["RUN_ROOT", "content_digest", "results_as_cohort", "write_results"]


def write_results(path: str | Path, cohort_table: pa.Table, records: Iterable[Record]) -> int:
    """Write ``results.parquet`` and ``results.files.parquet`` in the order of the cohort; the number of done rows.

    A record has ``row_key``, any of the columns in ``FIXED``, ``metric.<name>`` and ``seconds.<step>`` (numbers) and
    ``output.<name>``: a mapping {uri, sha256, digest, bytes, kind}, or a list of them where one output is several
    files (the struct then names their folder). URIs are relative to the run's store. Records may come in any order
    and are spooled to disk, so that a million rows need no more memory than a row group. A row without a record
    is written as ``waiting``. Raises SpecError for a record of no row, a second one, or an unknown column.
    """
    path = Path(path)
    cohort_table = _without_results(cohort_table)
    with Spool(cohort_table["row_key"], parquet.ROW_GROUP) as spool:
        for record in records:
            spool.add(record)
        spool.flush()
        return _write_spooled(path, cohort_table, spool)


def _write_spooled(path: Path, cohort_table: pa.Table, spool: Spool) -> int:
    names = [*FIXED, *sorted(spool.columns - set(FIXED))]
    results = pa.schema([(name, kind_of(name)) for name in names])
    kept = cohort_table.drop_columns([name for name in cohort_table.column_names if name in names])
    done = 0
    with ExitStack() as stack:
        rows_to = stack.enter_context(_Growing(path, pa.schema([*kept.schema, *results])))
        files_to = stack.enter_context(_Growing(side_path(path, "files"), schema.FILES))
        for start, length, found, files in spool.groups():
            found = _completed(found, length, results)
            done += pc.sum(pc.equal(found["status"], "done")).as_py() or 0
            rows_to.add(pa.table([*kept.slice(start, length).columns, *found.columns], [*kept.column_names, *names]))
            files_to.add(files.sort_by([(name, "ascending") for name in FILES_ORDER]))
    return done


def _completed(found: pa.Table, length: int, results: pa.Schema) -> pa.Table:
    """All columns of results, with rows that have no record as waiting."""
    columns = {
        field.name: found[field.name] if field.name in found.column_names else pa.nulls(length, field.type)
        for field in results
    }
    columns["attempts"] = pc.fill_null(columns["attempts"], 0)
    columns["status"] = pc.fill_null(columns["status"], "waiting")
    return pa.table(columns, schema=results)


def results_as_cohort(path: str | Path, root_uri: str, *, only_done: bool = True) -> Cohort:
    """The results as the cohort of a next stage or job: each saved output is a file whose role is its name.

    ``root_uri`` is the store of the run. Columns of the rows and ``metric.*`` stay; the card does not, since the
    outputs are no longer what it describes. Only done rows count unless asked.
    """
    path = Path(path)
    table, metadata = parquet.read(path)
    schema.check_version(metadata, path.name)
    schema.check_columns(table, {**schema.REQUIRED, **FIXED}, path.name)
    files, _ = parquet.read(side_path(path, "files"))
    schema.check_columns(files, schema.FILES, side_path(path, "files").name)
    if only_done:
        table = table.filter(pc.equal(table["status"], "done"))
    rows = _without_results(table)
    facts = _facts_of_files(files)
    order = pc.index_in(rows["row_key"], value_set=facts["row_key"].combine_chunks())
    for name, nothing in (("content_digest", hashlib.sha256().hexdigest()), ("bytes", 0), ("n_files", 0)):
        column = pc.fill_null(facts[name].take(order), nothing)
        rows = rows.set_column(rows.column_names.index(name), name, column.cast(schema.REQUIRED[name]))
    empty = pa.array([""] * len(rows), pa.string())
    rows = rows.set_column(rows.column_names.index("card"), "card", empty)
    cohort = Cohort(schema.stamped(rows), schema.stamped(files), {RUN_ROOT: root_uri})
    return cohort.with_table(cohort.table)


def _without_results(table: pa.Table) -> pa.Table:
    """The columns that a row brings with it: those of an earlier stage's outcome go, its metrics stay."""
    gone = [name for name in table.column_names if name in FIXED or name.startswith(("output.", "seconds."))]
    return table.drop_columns(gone)


def _facts_of_files(files: pa.Table) -> pa.Table:
    grouped = files.group_by("row_key", use_threads=False).aggregate([("sha256", "list"), ("bytes", "sum")])
    lists = grouped["sha256_list"]
    parts = (lists.slice(start, parquet.ROW_GROUP).to_pylist() for start in range(0, len(lists), parquet.ROW_GROUP))
    digests = [content_digest(sha256s) for part in parts for sha256s in part]
    return pa.table(
        {
            "row_key": grouped["row_key"],
            "content_digest": pa.array(digests, pa.string()),
            "bytes": grouped["bytes_sum"],
            "n_files": pc.list_value_length(grouped["sha256_list"]),
        }
    )


class _Growing:
    """A Parquet file written one row group at a time; it appears when the block ends well."""

    def __init__(self, path: Path, table_schema: pa.Schema) -> None:
        self._stack = ExitStack()
        self._path, self._schema = path, schema.stamped(table_schema.empty_table()).schema

    def __enter__(self) -> _Growing:
        stream = self._stack.enter_context(parquet.atomic(self._path))
        self._writer = self._stack.enter_context(pq.ParquetWriter(stream, self._schema, **parquet.WRITING))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(self, part: pa.Table) -> None:
        """Append rows as one row group."""
        if part.num_rows:
            self._writer.write_table(part.cast(self._schema).combine_chunks(), row_group_size=parquet.ROW_GROUP)
