"""What a cohort holds, in a few lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from scanmill.cohort.manifest import Cohort

RANGES = (
    "size_x", "size_y", "size_z", "spacing_x", "spacing_y", "spacing_z", "n_views", "n_rows", "n_columns",
    "angle_range_deg", "SliceThickness", "KVP",
)  # fmt: skip
COUNTED = ("Modality", "BodyPartExamined", "Manufacturer", "beam")


@dataclass(frozen=True)
class CohortSummary:
    """Counts and ranges of a cohort; ``identity`` counts the rows with, without and of unknown identity."""

    n_rows: int
    n_patients: int
    n_files: int
    bytes: int
    digest: str
    counts: dict[str, dict[str, int]]
    ranges: dict[str, tuple[float, float]]
    readers: dict[str, int]
    identity: dict[str, int]
    problems: dict[str, int]

    def lines(self) -> list[tuple[str, str]]:
        """The summary for people: a name and a text for each line."""
        found = [
            ("rows", f"{self.n_rows:,}"),
            ("patients", f"{self.n_patients:,}" if self.n_patients else "not known"),
            ("files", f"{self.n_files:,} ({_size(self.bytes)})"),
        ]
        found += [(name, _counted(counts)) for name, counts in self.counts.items()]
        found += [(name, _range(*limits)) for name, limits in self.ranges.items()]
        found += [("read as", _counted(self.readers)), ("identity", _counted(self.identity))]
        found += [("problems", _counted(self.problems) if self.problems else "none"), ("digest", self.digest[:16])]
        return found


def summarise(cohort: Cohort) -> CohortSummary:
    """Counts, ranges of the geometry, identity and problems of a cohort."""
    table = cohort.table
    identity = {True: "with", False: "without", None: "not known"}
    return CohortSummary(
        len(cohort),
        len(table["patient_key"].drop_null().unique()),
        cohort.files.num_rows,
        int(pc.sum(table["bytes"]).as_py() or 0),
        cohort.digest,
        {name: _counts(table[name]) for name in COUNTED if name in table.column_names and _counts(table[name])},
        {name: _limits(table[name]) for name in RANGES if name in table.column_names and _has_values(table[name])},
        _counts(cohort.files["reader"]),
        dict(Counter(identity[value] for value in table["contains_identity"].to_pylist())),
        _counts(cohort.problems["error_class"]),
    )


def _has_values(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count < len(column))


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Values and how often each stands, the commonest first."""
    pairs = [(pair["values"], pair["counts"]) for pair in column.drop_null().value_counts().to_pylist()]
    return {str(value): count for value, count in sorted(pairs, key=lambda pair: (-pair[1], str(pair[0])))}


def _limits(column: pa.ChunkedArray) -> tuple[float, float]:
    found = pc.min_max(column).as_py()
    return found["min"], found["max"]


def _range(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _counted(counts: dict[str, int], most: int = 6) -> str:
    shown = ", ".join(f"{count:,} {name or '(none)'}" for name, count in list(counts.items())[:most])
    return shown + (f" and {len(counts) - most} others" if len(counts) > most else "")


def _size(n_bytes: int) -> str:
    power = min(4, max(0, (len(str(n_bytes)) - 1) // 3))
    return f"{n_bytes / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
