"""Results: a manifest again, with exactly one row per row of the cohort, whatever became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanmill.cohort import parquet, schema
from scanmill.cohort.manifest import FILES_ORDER, Cohort, side_path
from scanmill.cohort.spool import Spool
from scanmill.errors import SpecError

RUN_ROOT = "run"
"""The name of the root under which a run's outputs lie; its URI is that of the run's store."""

OUTPUT = pa.struct(
    {"uri": pa.string(), "sha256": pa.string(), "digest": pa.string(), "bytes": pa.int64(), "kind": pa.string()}
)
FIXED: dict[str, pa.DataType] = {
    "status": pa.string(),
    "attempts": pa.int32(),
    "error_class": pa.string(),
    "error": pa.string(),
    "warnings": pa.list_(pa.string()),
    "device": pa.string(),
    "node": pa.string(),
    "digest": pa.string(),
    "stage": pa.string(),
}
READERS = frozenset({"nifti", "dicom", "npz"})
"""Kinds of outputs that a later stage can read; files of other kinds are carried along without a reader."""


def write_results(path: str | Path, cohort_table: pa.Table, records: Iterable[Mapping[str, Any]]) -> int:
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
        return _write_spooled(path, cohort_table, spool)


def _write_spooled(path: Path, cohort_table: pa.Table, spool: Spool) -> int:
    kinds = {**FIXED, **{name: _kind(name) for name in sorted(spool.columns - set(FIXED) - {"row_key"})}}
    kept = cohort_table.drop_columns([name for name in cohort_table.column_names if name in kinds])
    result_schema = pa.schema([*kept.schema, *(pa.field(name, kind) for name, kind in kinds.items())])
    done = 0
    with ExitStack() as stack:
        rows_to = stack.enter_context(_Growing(path, schema.stamped(result_schema.empty_table()).schema))
        files_to = stack.enter_context(
            _Growing(side_path(path, "files"), schema.stamped(schema.FILES.empty_table()).schema)
        )
        for start, found in spool.groups():
            part = kept.slice(start, len(found))
            records = [record or {"status": "waiting", "attempts": 0} for record in found]
            done += sum(record.get("status") == "done" for record in records)
            for name, kind in kinds.items():
                part = part.append_column(pa.field(name, kind), _column(name, kind, records))
            rows_to.add(part)
            files_to.add(_files(part["row_key"].to_pylist(), records))
    return done


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


def content_digest(sha256s: Iterable[str]) -> str:
    """SHA-256 over the files' own, sorted: the same for the same files wherever they lie."""
    return hashlib.sha256("\n".join(sorted(sha256s)).encode()).hexdigest()


def _without_results(table: pa.Table) -> pa.Table:
    """The columns that a row brings with it: those of an earlier stage's outcome go, its metrics stay."""
    gone = [name for name in table.column_names if name in FIXED or name.startswith(("output.", "seconds."))]
    return table.drop_columns(gone)


def _kind(name: str) -> pa.DataType:
    if name.startswith(("metric.", "seconds.")):
        return pa.float64()
    if name.startswith("output."):
        return OUTPUT
    raise SpecError(f"a result has a column {name!r} that is not of results", do="use metric., seconds. or output.")


def _column(name: str, kind: pa.DataType, records: Sequence[Mapping[str, Any]]) -> pa.Array:
    values = [record.get(name) for record in records]
    if kind == OUTPUT:
        values = [_one_output(value) for value in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SpecError(f"a value of the result column {name!r} has another type", expected=kind) from error


def _one_output(value: Any) -> Mapping[str, Any] | None:
    """The struct of an output; several files are named by the folder that they share."""
    if not isinstance(value, list):
        return value if value is None else {name: value.get(name) for name in OUTPUT.names}
    if len(value) == 1:
        return _one_output(value[0])
    if not value:
        return None
    return {
        "uri": value[0]["uri"].rpartition("/")[0],
        "sha256": content_digest(file["sha256"] for file in value),
        "digest": next((file["digest"] for file in value if file.get("digest")), ""),
        "bytes": sum(file["bytes"] for file in value),
        "kind": value[0]["kind"],
    }


def _files(row_keys: list[str], records: Sequence[Mapping[str, Any]]) -> pa.Table:
    files = [
        _file(row_key, name.removeprefix("output."), output)
        for row_key, record in zip(row_keys, records, strict=True)
        for name, value in record.items()
        if name.startswith("output.") and value
        for output in (value if isinstance(value, list) else [value])
    ]
    return pa.Table.from_pylist(files, schema=schema.FILES).sort_by([(name, "ascending") for name in FILES_ORDER])


def _file(row_key: str, role: str, output: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "row_key": row_key,
        "role": role,
        "reader": output["kind"] if output["kind"] in READERS else "",
        "root": RUN_ROOT,
        "path": output["uri"],
        "bytes": output["bytes"],
        "sha256": output["sha256"],
    }


def _facts_of_files(files: pa.Table) -> pa.Table:
    grouped = files.group_by("row_key", use_threads=False).aggregate([("sha256", "list"), ("bytes", "sum")])
    digests = [content_digest(sha256s) for sha256s in grouped["sha256_list"].to_pylist()]
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
        self._path, self._schema = path, table_schema

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
