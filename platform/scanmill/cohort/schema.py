"""The columns of a cohort's tables, their types and version, and what is refused when one is opened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import pyarrow as pa

from scanmill.errors import SpecError

SCHEMA_VERSION = 1
"""Grows when a column is renamed, retyped or means something else; added columns do not change it."""

SCHEMA_KEY = b"scanmill.schema"
FILES_KEY = b"scanmill.files"

REQUIRED: dict[str, pa.DataType] = {
    "row_key": pa.string(),
    "patient_key": pa.string(),
    "content_digest": pa.string(),
    "bytes": pa.int64(),
    "n_files": pa.int32(),
    "card": pa.string(),
    "contains_identity": pa.bool_(),
}

DICOM: dict[str, pa.DataType] = {
    "Modality": pa.string(),
    "BodyPartExamined": pa.string(),
    "Manufacturer": pa.string(),
    "ManufacturerModelName": pa.string(),
    "SOPClassUID": pa.string(),
    "TransferSyntaxUID": pa.string(),
    "ImageType": pa.string(),
    "PatientPosition": pa.string(),
    "SliceThickness": pa.float64(),
    "SpacingBetweenSlices": pa.float64(),
    "ConvolutionKernel": pa.string(),
    "KVP": pa.float64(),
    "XRayTubeCurrent": pa.float64(),
    "ExposureTime": pa.float64(),
    "Exposure": pa.float64(),
    "ReconstructionDiameter": pa.float64(),
    "GantryDetectorTilt": pa.float64(),
    "SpiralPitchFactor": pa.float64(),
    "MagneticFieldStrength": pa.float64(),
    "ScanningSequence": pa.string(),
    "SequenceVariant": pa.string(),
    "MRAcquisitionType": pa.string(),
    "RepetitionTime": pa.float64(),
    "EchoTime": pa.float64(),
    "InversionTime": pa.float64(),
    "FlipAngle": pa.float64(),
}
"""Public DICOM attributes, named as IDC names them; nothing that points at a person, a day or a place."""

GEOMETRY: dict[str, pa.DataType] = {
    "size_z": pa.int64(),
    "size_y": pa.int64(),
    "size_x": pa.int64(),
    "spacing_x": pa.float64(),
    "spacing_y": pa.float64(),
    "spacing_z": pa.float64(),
    "n_views": pa.int64(),
    "n_rows": pa.int64(),
    "n_columns": pa.int64(),
    "beam": pa.string(),
    "angle_start_deg": pa.float64(),
    "angle_range_deg": pa.float64(),
}

KNOWN = {**REQUIRED, **DICOM, **GEOMETRY}

FILES = pa.schema(
    {
        "row_key": pa.string(),
        "role": pa.string(),
        "reader": pa.string(),
        "root": pa.string(),
        "path": pa.string(),
        "bytes": pa.int64(),
        "sha256": pa.string(),
    }
)
PROBLEMS = pa.schema({"root": pa.string(), "path": pa.string(), "error_class": pa.string(), "problem": pa.string()})


def stamped(table: pa.Table, extra: Mapping[bytes, bytes] | None = None) -> pa.Table:
    """The table with our version as its only metadata, so that equal content gives equal bytes."""
    return table.replace_schema_metadata({SCHEMA_KEY: str(SCHEMA_VERSION).encode(), **(extra or {})})


def check_version(metadata: Mapping[bytes, bytes] | None, name: str) -> None:
    """Refuse a file without our version, or with a newer one than this program knows."""
    text = (metadata or {}).get(SCHEMA_KEY)
    if text is None:
        raise SpecError("not a table of a Scanmill cohort: no schema version", where=name, do="use `scanmill cohort`")
    if not text.isdigit() or int(text) > SCHEMA_VERSION:
        raise SpecError(
            "the cohort was written by a newer Scanmill",
            where=name,
            expected=f"schema version up to {SCHEMA_VERSION}",
            got=text.decode(errors="replace"),
            do="update Scanmill",
        )


def check_rows(table: pa.Table, name: str) -> None:
    """Refuse rows that lack a column, have one twice or of another type, or share a row key."""
    names = table.column_names
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise SpecError(f"column {twice[0]!r} stands twice", where=name)
    check_columns(table, REQUIRED, name)
    for column, kind in KNOWN.items():
        if column in names and table.schema.field(column).type != kind:
            raise SpecError(
                f"column {column!r} has another type", where=name, expected=kind, got=table.schema.field(column).type
            )
    keys = table["row_key"]
    if keys.null_count:
        raise SpecError("a row has no row key", where=name)
    if len(keys.unique()) != len(keys):
        counts = keys.value_counts().to_pylist()
        repeated = next(entry["values"] for entry in counts if entry["counts"] > 1)
        raise SpecError("row keys are not unique", where=name, got=f"{repeated!r} more than once")


def check_columns(table: pa.Table, wanted: Mapping[str, pa.DataType] | pa.Schema, name: str) -> None:
    """Refuse a table without one of these columns, naming it and what comes near."""
    for column in wanted if isinstance(wanted, Mapping) else wanted.names:
        if column not in table.column_names:
            near = difflib.get_close_matches(column, table.column_names, n=1)
            do = f"is it {near[0]!r}?" if near else "build the cohort anew"
            raise SpecError(f"column {column!r} is missing", where=name, do=do)


def typed_column(name: str, values: list[object]) -> pa.Array:
    """The values as a column: of its known type, or of the type that they have in common."""
    try:
        return pa.array(values, type=KNOWN.get(name), from_pandas=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SpecError(f"the values of column {name!r} have no type in common", expected=KNOWN.get(name)) from error
