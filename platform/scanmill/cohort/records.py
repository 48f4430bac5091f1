"""Records of results as columns: what became of each row, and the files that it left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from scanmill.cohort import schema
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
READERS = frozenset({"nifti", "dicom", "npz", "itk", "displacement", "entries", "embedding"})
"""Kinds of outputs that a later stage can read; files of other kinds are carried along without a reader."""

Record = Mapping[str, Any]


def record_table(records: Sequence[Record]) -> pa.Table:
    """The records as columns (all but ``row_key``); SpecError for an unknown column or a value of another type."""
    names = sorted(set().union(*records) - {"row_key"}) if records else []
    return pa.table({name: _column(name, records) for name in names}, schema=_schema(names))


def files_table(records: Sequence[Record]) -> pa.Table:
    """The files of all outputs of the records, as the side table has them."""
    columns: dict[str, list[Any]] = {name: [] for name in schema.FILES.names}
    for record in records:
        for name, value in record.items():
            if value and name.startswith("output."):
                for output in value if isinstance(value, list) else (value,):
                    columns["row_key"].append(record["row_key"])
                    columns["role"].append(name.removeprefix("output."))
                    columns["reader"].append(output["kind"] if output["kind"] in READERS else "")
                    columns["root"].append(RUN_ROOT)
                    columns["path"].append(output["uri"])
                    columns["bytes"].append(output["bytes"])
                    columns["sha256"].append(output["sha256"])
    return pa.table(columns, schema=schema.FILES)


def content_digest(sha256s: Iterable[str]) -> str:
    """SHA-256 over the files' own, sorted: the same for the same files wherever they lie."""
    return hashlib.sha256("\n".join(sorted(sha256s)).encode()).hexdigest()


def kind_of(name: str) -> pa.DataType:
    """The type of a result column; SpecError for a name that is not one of results."""
    if name in FIXED:
        return FIXED[name]
    if name.startswith(("metric.", "seconds.")):
        return pa.float64()
    if name.startswith("output."):
        return OUTPUT
    raise SpecError(f"a result has a column {name!r} that is not of results", do="use metric., seconds. or output.")


def _schema(names: Sequence[str]) -> pa.Schema:
    return pa.schema([(name, kind_of(name)) for name in names])


def _column(name: str, records: Sequence[Record]) -> pa.Array:
    kind = kind_of(name)
    values = [record.get(name) for record in records]
    if kind == OUTPUT:
        values = [_one_output(value) for value in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SpecError(f"a value of the result column {name!r} has another type", expected=kind) from error


def _one_output(value: Any) -> Any:
    """The struct of an output; several files are named by the folder that they share."""
    if not isinstance(value, list):
        return value
    if len(value) < 2:
        return value[0] if value else None
    return {
        "uri": value[0]["uri"].rpartition("/")[0],
        "sha256": content_digest(file["sha256"] for file in value),
        "digest": next((file["digest"] for file in value if file.get("digest")), ""),
        "bytes": sum(file["bytes"] for file in value),
        "kind": value[0]["kind"],
    }
