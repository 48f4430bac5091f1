"""The one table that names people: kept beside the cohort, readable by its owner only, part of nothing else."""

from __future__ import annotations

import stat
from pathlib import Path

import pyarrow as pa

from scanmill.cohort import parquet, schema
from scanmill.cohort.manifest import side_path
from scanmill.errors import SpecError
from scanmill.io.identity import PROTECTED as IDENTITY

PROTECTED = pa.schema(
    {"row_key": pa.string(), **dict.fromkeys(IDENTITY, pa.string()), "root": pa.string(), "full_path": pa.string()}
)
"""The identifying DICOM attributes of a row's files (of the first of them), and where they lie."""


def write_protected(cohort_path: str | Path, table: pa.Table) -> None:
    """Write it beside the cohort with mode 0600."""
    parquet.write(side_path(cohort_path, "protected"), schema.stamped(table), mode=0o600)


def read_protected(cohort_path: str | Path) -> pa.Table:
    """Read it; SpecError where it is absent, or where others may read it too."""
    path = side_path(cohort_path, "protected")
    if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SpecError(
            "others may read the protected table", where=path.name, got=oct(path.stat().st_mode & 0o777), do="chmod 600"
        )
    table, metadata = parquet.read(path)
    schema.check_version(metadata, path.name)
    return table
