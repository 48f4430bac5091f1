"""The results manifest of a stage, from the ledger: every row (group, reduction) of the plan exactly once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from scanmill.cohort.results import content_digest, write_results
from scanmill.engine.artifacts import PARTIAL, PICTURE
from scanmill.engine.ledger import UnitRecord
from scanmill.engine.outcome import Artifact, Outcome
from scanmill.engine.run_folder import RESULTS, RESULTS_FILES, RunFolder, stage_file
from scanmill.engine.unit import StageKind, Unit

UNFINISHED = frozenset({"waiting", "leased"})
_SUMMED: Mapping[str, Callable[[Iterable[Any]], Any]] = {"bytes": sum, "n_files": sum, "contains_identity": any}


def write_stage_results(
    folder: RunFolder, stage: str, manifest: pa.Table, row_of: Mapping[str, str] | None, records: Iterable[UnitRecord]
) -> int:
    """Write ``stages/<stage>/results.parquet``; the number of done rows.

    ``row_of`` maps unit to row of the manifest, None where every unit is one row and its id does not matter.
    """
    path = folder.path / stage_file(stage, RESULTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = write_results(path, manifest, _results(stage, row_of, records))
    folder.publish(*(stage_file(stage, name) for name in RESULTS_FILES))
    return done


def unit_manifest(
    stage: str, kind: StageKind, by: Sequence[str], table: pa.Table, units: Sequence[Unit]
) -> tuple[pa.Table, dict[str, str] | None]:
    """The manifest that a stage's results complete, and which unit is which of its rows.

    Rows: the cohort itself. Groups: one row a group, named by its values of ``by``, with the columns that its rows
    have in common; a row that belongs to no group keeps its name. Reduce: one row, named like the stage.
    """
    if kind == "rows":
        return table, None
    if kind == "reduce":
        needed = {need for unit in units for need in unit.needs}
        last = [unit for unit in units if unit.unit_id not in needed]
        return _merged_table(table, [range(table.num_rows)], [stage]), {unit.unit_id: stage for unit in last}
    number = {key: i for i, key in enumerate(table["row_key"].to_pylist())}
    members = [[number[key] for key in unit.row_keys] for unit in units]
    labels = [table[name].to_pylist() for name in by]
    names = _unique(
        ("/".join(str(column[rows[0]]) for column in labels) or unit.row_keys[0])
        if all(column[rows[0]] is not None for column in labels)
        else unit.row_keys[0]
        for unit, rows in zip(units, members, strict=True)
    )
    return _merged_table(table, members, names), {u.unit_id: name for u, name in zip(units, names, strict=True)}


def result_record(row_key: str, stage: str, record: UnitRecord) -> dict[str, Any]:
    """One row of results, as `write_results` wants it."""
    outcome = record.outcome or Outcome()
    found: dict[str, Any] = {
        "row_key": row_key,
        "status": record.state,
        "attempts": record.tries,
        "error_class": outcome.error_class,
        "error": outcome.error,
        "warnings": list(outcome.warnings),
        "device": outcome.device,
        "node": outcome.node,
        "digest": outcome.reuse_key,
        "stage": stage,
    }
    found |= {f"metric.{name}": value for name, value in outcome.metrics.items()}
    found |= {f"seconds.{name}": value for name, value in outcome.seconds.items()}
    for artifact in outcome.artifacts:
        if artifact.output != PARTIAL if record.state == "done" else artifact.kind == PICTURE:
            found.setdefault(f"output.{artifact.output}", []).append(_output(artifact))
    return found


def _results(stage: str, row_of: Mapping[str, str] | None, records: Iterable[UnitRecord]) -> Iterator[dict[str, Any]]:
    for record in records:
        row_key = record.row_keys[0] if row_of is None else row_of.get(record.unit_id)
        if row_key is not None and record.state not in UNFINISHED:
            yield result_record(row_key, stage, record)


def _output(artifact: Artifact) -> dict[str, Any]:
    return {
        "uri": artifact.path,
        "sha256": artifact.sha256,
        "digest": artifact.digest,
        "bytes": artifact.bytes,
        "kind": artifact.kind,
    }


def _merged_table(table: pa.Table, members: Sequence[Sequence[int]], names: Sequence[str]) -> pa.Table:
    columns: dict[str, pa.Array] = {"row_key": pa.array(names, pa.string())}
    for name in table.column_names:
        if name != "row_key":
            values = table[name].to_pylist()
            merged = [_merged(name, [values[i] for i in rows]) for rows in members]
            columns[name] = pa.array(merged, table.schema.field(name).type)
    return pa.table(columns)


def _merged(name: str, values: list[Any]) -> Any:
    """What rows have in common in one column: a sum where it adds up, else the value that all share."""
    if name in _SUMMED:
        return _SUMMED[name](value for value in values if value is not None)
    if name == "content_digest":
        return content_digest(str(value) for value in values)
    if name == "card":
        return ""
    first = values[0] if values else None
    return first if all(value == first for value in values) else None


def _unique(names: Iterable[str]) -> list[str]:
    """Names that differ: where two groups would be called alike, a hash of the number tells them apart."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            mark = hashlib.sha256(json.dumps([name, seen[name]]).encode()).hexdigest()[:6]
            unique.append(f"{name}~{mark}")
        else:
            unique.append(name)
    return unique
