"""Clinical data beside the scans: the columns of a CSV, joined without losing or guessing a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from scanmill.cohort import schema
from scanmill.cohort.manifest import Cohort, side_path
from scanmill.cohort.protected import read_protected, write_protected
from scanmill.errors import SpecError
from scanmill.io.identity import PROTECTED as IDENTITY

MAX_BYTES = 2 * 2**30


@dataclass(frozen=True)
class JoinReport:
    """How a join went. ``duplicate_lines`` are lines of the CSV whose key stands there more than once (none of them
    was used); ``left_out`` are columns that name people and stayed outside."""

    n_rows: int
    n_matched: int
    n_unused_lines: int
    duplicate_lines: tuple[int, ...]
    added: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def n_unmatched(self) -> int:
        """Rows of the cohort that the CSV says nothing of; their new columns are null."""
        return self.n_rows - self.n_matched


def join_table(
    cohort_path: Path | str,
    csv_path: Path | str,
    *,
    on: str,
    out: Path | str,
    roots: Mapping[str, str] | None = None,
) -> JoinReport:
    """Write ``out``: the cohort with the columns of the CSV whose ``on`` equals the row's, as text.

    ``on`` is a column of the cohort, or an identifying attribute (PatientID): then the protected table tells which
    rows are meant, and the identifier does not enter the cohort. No row is dropped or doubled: a key that stands
    twice in the CSV is reported, not guessed at. Raises SpecError for a missing or colliding column, an unreadable
    CSV, or an absent protected table.
    """
    cohort_path, out = Path(cohort_path), Path(out)
    cohort = Cohort.open(cohort_path, roots=roots)
    clinical = _read_csv(Path(csv_path), on)
    left_out = _identifying(clinical.column_names, on)
    keys = _keys(cohort, cohort_path, on)
    joined, report = join_columns(cohort.table, keys, clinical.drop_columns(left_out), on)
    result = replace(cohort, table=schema.stamped(joined))
    if side_path(cohort_path, "protected").is_file():
        write_protected(out, read_protected(cohort_path))
    result.write(out)
    return replace(report, left_out=tuple(left_out))


def join_columns(table: pa.Table, keys: pa.ChunkedArray, clinical: pa.Table, on: str) -> tuple[pa.Table, JoinReport]:
    """The table with the columns of ``clinical`` by its key column ``on``; ``keys`` are the table's own. Pure."""
    added = [name for name in clinical.column_names if name != on]
    _refuse_collisions(table, added)
    theirs = pc.utf8_trim_whitespace(clinical[on])
    theirs = pc.if_else(pc.equal(theirs, ""), None, theirs)
    counts = theirs.value_counts()
    repeated = pc.struct_field(counts, "values").filter(pc.greater(pc.struct_field(counts, "counts"), 1)).drop_null()
    ambiguous = pc.is_in(theirs, value_set=repeated)
    usable = pc.and_(pc.is_valid(theirs), pc.invert(ambiguous))
    lines = clinical.filter(usable)
    mine = pc.utf8_trim_whitespace(keys.cast(pa.string()))
    place = pc.index_in(mine, value_set=theirs.filter(usable).combine_chunks(), skip_nulls=True)
    for name in added:
        table = table.append_column(pa.field(name, lines.schema.field(name).type), lines[name].take(place))
    used = len(pc.unique(place.drop_null()))
    report = JoinReport(
        table.num_rows,
        table.num_rows - place.null_count,
        clinical.num_rows - used,
        tuple(line for line, yes in enumerate(ambiguous.to_pylist(), start=2) if yes),
        tuple(added),
        (),
    )
    return table, report


def _read_csv(path: Path, on: str) -> pa.Table:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SpecError("the CSV is too large", where=path.name, expected=f"at most {MAX_BYTES} bytes")
        options = pv.ConvertOptions(column_types={on: pa.string()}, strings_can_be_null=True)
        table = pv.read_csv(path, convert_options=options)
    except OSError as error:
        raise SpecError("the CSV cannot be read", where=path.name, got=error.strerror) from error
    except pa.ArrowException as error:
        raise SpecError("the table is not a CSV with one header and equal lines", where=path.name) from error
    names = table.column_names
    if len(set(names)) < len(names) or "" in names:
        raise SpecError("the CSV's columns need names, each its own", where=path.name)
    schema.check_columns(table, {on: pa.string()}, path.name)
    return table


def _identifying(names: list[str], on: str) -> list[str]:
    """Columns called like the attributes that identify a person."""
    people = {name.lower() for name in IDENTITY}
    return [name for name in names if name != on and name.replace("_", "").lower() in people]


def _keys(cohort: Cohort, path: Path, on: str) -> pa.ChunkedArray:
    """The rows' own values of the join column, in the order of the rows."""
    if on in cohort.table.column_names:
        return cohort.table[on]
    if on not in IDENTITY:
        schema.check_columns(cohort.table, {on: pa.string()}, path.name)
    protected = read_protected(path)
    schema.check_columns(protected, {"row_key": pa.string(), on: pa.string()}, "the protected table")
    place = pc.index_in(cohort.table["row_key"], value_set=protected["row_key"].combine_chunks())
    return protected[on].take(place)


def _refuse_collisions(table: pa.Table, added: list[str]) -> None:
    mine = {name.lower() for name in [*table.column_names, *schema.KNOWN]}
    clash = [name for name in added if name.lower() in mine]
    if clash:
        raise SpecError(
            "columns of the CSV stand in the cohort already", got=", ".join(clash), do="rename them in the CSV"
        )
