"""The columns of a cohort's tables, their types and version, and what is refused when one is opened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

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

_WORDS = """
    Modality BodyPartExamined Laterality Manufacturer ManufacturerModelName SoftwareVersions SOPClassUID
    TransferSyntaxUID ImageType PatientPosition PatientSex PatientAge PhotometricInterpretation LossyImageCompression
    PatientIdentityRemoved BurnedInAnnotation ConvolutionKernel FilterType ScanOptions ContrastBolusAgent ImagedNucleus
    ScanningSequence SequenceVariant SequenceName MRAcquisitionType StudyDescription SeriesDescription ProtocolName
"""
_NUMBERS = """
    SliceThickness SpacingBetweenSlices KVP XRayTubeCurrent ExposureTime Exposure CTDIvol ReconstructionDiameter
    DataCollectionDiameter GantryDetectorTilt SpiralPitchFactor MagneticFieldStrength RepetitionTime EchoTime
    InversionTime FlipAngle EchoTrainLength NumberOfAverages PixelBandwidth ImagingFrequency
"""
_WHOLE = "SeriesNumber Rows Columns BitsStored"
DICOM: dict[str, pa.DataType] = {
    **dict.fromkeys(_WORDS.split(), pa.string()),
    **dict.fromkeys(_NUMBERS.split(), pa.float64()),
    **dict.fromkeys(_WHOLE.split(), pa.int64()),
}
"""Public DICOM attributes, named as the Imaging Data Commons names them; which files may show which, io/ decides."""

GEOMETRY: dict[str, pa.DataType] = {
    "size_z": pa.int64(),
    "size_y": pa.int64(),
    "size_x": pa.int64(),
    "spacing_x": pa.float64(),
    "spacing_y": pa.float64(),
    "spacing_z": pa.float64(),
    "missing_slices": pa.int64(),
    "n_views": pa.int64(),
    "n_rows": pa.int64(),
    "n_columns": pa.int64(),
    "beam": pa.string(),
    "angle_start_deg": pa.float64(),
    "angle_range_deg": pa.float64(),
}

_SIZES = "n_frames n_slices n_coils matrix_z matrix_y matrix_x n_shots n_samples encoding"
KSPACE: dict[str, pa.DataType] = {
    **dict.fromkeys(_SIZES.split(), pa.int64()),
    **dict.fromkeys(("trajectory", "measurement", "acquisition"), pa.string()),
    "acceleration": pa.float64(),
}
"""Of raw MR data; ``measurement`` and ``encoding`` where a file has several."""

KNOWN = {**REQUIRED, **DICOM, **GEOMETRY, **KSPACE}

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
            do = f"is it {near[0]!r}?" if near else None
            raise SpecError(f"column {column!r} is missing", where=name, do=do)


def typed_column(name: str, values: list[object]) -> pa.Array:
    """The values as a column: of its known type, or of the type that they have in common."""
    try:
        return pa.array(values, type=KNOWN.get(name), from_pandas=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SpecError(f"the values of column {name!r} have no type in common", expected=KNOWN.get(name)) from error


def coerced(value: Any, kind: pa.DataType) -> Any:
    """A header's value as its column has it, or None where it is something else.

    >>> coerced((0.6, 0.6), pa.string()), coerced("120", pa.float64()), coerced("n/a", pa.float64())
    ('0.6\\\\0.6', 120.0, None)
    """
    if value is None or kind == pa.string():
        return "\\".join(map(str, value)) if isinstance(value, tuple) else value if value is None else str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if kind == pa.float64():
        return number
    return int(number) if number.is_integer() and abs(number) < 2**63 else None
