"""From what an image is found by to rows of an index: where it comes from, and what is known of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from scanmill.data import Entries
from scanmill.retrieval.entries import COLUMNS, OURS, REGION, VECTOR, as_column

KNOWN_AS = {"modality": "Modality", "body_part": "BodyPartExamined", "patient_key": "patient_key"}
"""Columns of an entry, and what a cohort calls them."""
LEFT_OUT = frozenset({"content_digest", "bytes", "n_files", "card", "contains_identity", "encoding", "measurement"})
"""Columns of a cohort that say how files are kept, not what they show."""
FREE_KINDS = (pa.types.is_string, pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)


def entry_table(
    entries: Entries,
    row: pa.Table,
    *,
    row_key: str,
    stage: str,
    output: str,
    run_id: str = "",
    uri: str | None = None,
) -> pa.Table:
    """A row an entry: its place, its vector, and the words and numbers of the cohort's ``row``, a table of one.

    ``uri`` says where the image itself lies, below the folder of runs. Columns of measurements (``metric.``) and those
    that an index has itself are left out.
    """
    n = len(entries.kinds)
    told: dict[str, Any] = {"row_key": row_key, "run_id": run_id, "stage": stage, "output": output, "uri": uri}
    for name, known_as in KNOWN_AS.items():
        told[name] = row[known_as][0].as_py() if known_as in row.column_names else None
    columns = {name: pa.repeat(pa.scalar(value, COLUMNS[name]), n) for name, value in told.items()}
    free = {name: pa.repeat(row[name][0], n) for name in free_columns(row)}
    kinds = {"kind": pa.array(entries.kinds), "region": pa.array(_regions(entries), REGION)}
    return pa.table({**columns, **free, **kinds, VECTOR: as_column(entries.vectors)})


def free_columns(row: pa.Table) -> list[str]:
    """The columns of a cohort that go into an index as they are, where they have a value.

    >>> free_columns(pa.table({"row_key": ["a"], "KVP": [120.0], "Modality": ["CT"], "beam": [None]}))
    ['KVP']
    """
    taken = {name.lower() for name in (*COLUMNS, *OURS, *KNOWN_AS.values())} | LEFT_OUT | {VECTOR}
    return [
        name
        for name in row.column_names
        if name.lower() not in taken
        and not name.startswith(("metric.", "output.", "seconds."))
        and any(is_kind(row.schema.field(name).type) for is_kind in FREE_KINDS)
        and row[name][0].is_valid
    ]


def _regions(entries: Entries) -> list[dict[str, Any] | None]:
    found: list[dict[str, Any] | None] = []
    for kind, label, (z, y, x, d, h, w) in zip(entries.kinds, entries.labels, entries.boxes.tolist(), strict=True):
        place = {"x": x, "y": y, "z": z, "w": w, "h": h, "d": d, "label": label or None}
        found.append(None if kind == "series" else place)
    return found
