"""Small cohorts made by hand."""

import hashlib

import pyarrow as pa

from scanmill.cohort import Cohort, schema


def rows(n=3, **columns):
    """A valid table of rows ``a0``, ``a1`` ... with further columns."""
    table = {
        "row_key": [f"a{i}" for i in range(n)],
        "patient_key": [f"p{i // 2}" for i in range(n)],
        "content_digest": [hashlib.sha256(bytes([i % 256])).hexdigest() for i in range(n)],
        "bytes": [10 * (i + 1) for i in range(n)],
        "n_files": [1] * n,
        "card": [""] * n,
        "contains_identity": [False] * n,
    }
    known = {name: pa.array(values, schema.REQUIRED[name]) for name, values in table.items()}
    return pa.table({**known, **columns})


def files(table, role="scan", root="data"):
    """One file for each row."""
    keys = table["row_key"].to_pylist()
    return pa.Table.from_pylist(
        [
            {
                "row_key": key,
                "role": role,
                "reader": "nifti",
                "root": root,
                "path": f"{key}.nii",
                "bytes": 10,
                "sha256": hashlib.sha256(key.encode()).hexdigest(),
            }
            for key in keys
        ],
        schema=schema.FILES,
    )


def cohort(n=3, **columns):
    table = rows(n, **columns)
    return Cohort(table, files(table), {"data": "/somewhere/data"})
