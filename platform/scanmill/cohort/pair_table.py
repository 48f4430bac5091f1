"""The rows and the files of pairs, from those of both sides. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scanmill.cohort import schema
from scanmill.cohort.pair_roles import FIXED, MOVING, SIDES, pair_role
from scanmill.cohort.records import content_digest

GRID = ("size_z", "size_y", "size_x", "spacing_x", "spacing_y", "spacing_z")
"""A pair has these from its fixed image, on whose grid the moving one is resampled."""


def pair_table(fixed: pa.Table, moving: pa.Table) -> pa.Table:
    """Row n pairs row n of both: named ``fixed+moving``, with the columns in which they agree and each side's own."""
    keys = [f"{a}+{b}" for a, b in zip(fixed["row_key"].to_pylist(), moving["row_key"].to_pylist(), strict=True)]
    columns: dict[str, Any] = {
        "row_key": pa.array(keys),
        "patient_key": _shared(fixed["patient_key"], moving["patient_key"], or_moving=True),
        "content_digest": pa.array(
            [
                content_digest(both)
                for both in zip(fixed["content_digest"].to_pylist(), moving["content_digest"].to_pylist(), strict=True)
            ]
        ),
        "bytes": pc.add(fixed["bytes"], moving["bytes"]),
        "n_files": pc.add(fixed["n_files"], moving["n_files"]),
        "card": pa.array([""] * len(keys)),
        "contains_identity": pc.or_kleene(fixed["contains_identity"], moving["contains_identity"]),
    }
    columns |= {f"{side}_row_key": table["row_key"] for side, table in zip(SIDES, (fixed, moving), strict=True)}
    own = [name for name in fixed.column_names if name not in schema.REQUIRED]
    for name in own:
        kind = fixed.schema.field(name).type
        if name in GRID:
            columns[name] = fixed[name]
        elif not pa.types.is_nested(kind):
            columns[name] = _shared(fixed[name], moving[name])
    for side, table in ((FIXED, fixed), (MOVING, moving)):
        columns |= {f"{side}.{name}": table[name] for name in (*own, "card")}
    kept = {n: c for n, c in columns.items() if n in schema.REQUIRED or c.null_count < len(c)}
    return pa.table(kept)


def pair_files(pairs: pa.Table, files: pa.Table) -> pa.Table:
    """The files of both rows of every pair, under the pair's name and roles."""
    by_row: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in files.to_pylist():
        by_row[file["row_key"]].append(file)
    found = [
        {**file, "row_key": key, "role": pair_role(side, file["role"])}
        for side in SIDES
        for key, row in zip(pairs["row_key"].to_pylist(), pairs[f"{side}_row_key"].to_pylist(), strict=True)
        for file in by_row[row]
    ]
    return pa.Table.from_pylist(found, schema=schema.FILES)


def _shared(one: pa.ChunkedArray, other: pa.ChunkedArray, *, or_moving: bool = False) -> pa.ChunkedArray:
    """The value where both have the same, else null; or the moving one's where the fixed one has none."""
    same = pc.fill_null(pc.equal(one, other), pa.scalar(value=False))
    if or_moving:
        same = pc.or_(same, pc.is_null(one))
    return pc.if_else(same, other, pa.scalar(None, one.type))
