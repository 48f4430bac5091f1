"""From a stage and its rows to units: the same rows give the same units, whatever their order in the table."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from scanmill.engine.forecast import forecast
from scanmill.engine.outcome import Outcome
from scanmill.engine.spec import StageSpec
from scanmill.engine.unit import Unit
from scanmill.errors import SpecError
from scanmill.steps.contract import Prediction

ROW_KEY = "row_key"


def plan_stage(stage: StageSpec, table: pa.Table, seed: int, *, device: str | None = None) -> list[Unit]:
    """The units of a stage over the rows of a cohort.

    ``rows``: one each. ``groups``: one for every combination of the ``by`` columns; rows where one of them is null
    belong to no group and come from `refused_rows`. ``reduce``: a tree of partials, `fan_in` wide, in the order of the
    row keys; the last unit is its root, which no other needs.
    """
    keys = _row_keys(table)
    predicted = forecast(stage, table, device or ("cuda:0" if stage.gpus else "cpu"))
    if stage.kind == "rows":
        pairs = zip(keys, predicted, strict=True)
        return [_unit(stage, seed, (key,), prediction) for key, prediction in pairs]
    costs = dict(zip(keys, predicted, strict=True))
    if stage.kind == "groups":
        groups, _ = _groups(stage, table, keys)
        return [_unit(stage, seed, group, _total(costs[key] for key in group)) for group in groups]
    return _tree(stage, seed, sorted(keys), costs)


def refused_rows(stage: StageSpec, table: pa.Table, seed: int) -> list[tuple[Unit, Outcome]]:
    """Rows that belong to no group: a unit each, and the outcome with which it has failed before it began."""
    if stage.kind != "groups":
        return []
    refused = []
    for key, column in _groups(stage, table, _row_keys(table))[1]:
        outcome = Outcome("InputError", f"the row belongs to no group: its {column} is empty")
        refused.append((_unit(stage, seed, (key,), Prediction(0.0), "refused"), outcome))
    return refused


def unit_seed(seed: int, unit_id: str) -> int:
    """The seed of a unit: from the job's and the unit's name, so that it does not depend on who runs it or when."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{unit_id}".encode()).digest()[:4], "big")


def _row_keys(table: pa.Table) -> list[str]:
    if ROW_KEY not in table.column_names:
        raise SpecError("the cohort has no row_key column", got=", ".join(table.column_names[:12]))
    keys: list[str] = table.column(ROW_KEY).to_pylist()
    if len(set(keys)) != len(keys) or not all(keys):
        doubled = next((key for key, count in Counter(keys).items() if count > 1), None)
        raise SpecError("row keys must be unique texts", got=doubled, do="build the cohort again")
    return keys


def _groups(
    stage: StageSpec, table: pa.Table, keys: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[tuple[str, str]]]:
    """The groups, and the rows without one with the column that is to blame."""
    missing = [column for column in stage.by if column not in table.column_names]
    if missing:
        raise SpecError("the cohort lacks a column to group by", where=f"stage {stage.name}", got=", ".join(missing))
    columns = [table.column(column).to_pylist() for column in stage.by]
    groups: dict[tuple[Any, ...], list[str]] = {}
    refused = []
    for key, values in zip(keys, zip(*columns, strict=True), strict=True):
        if None in values:
            refused.append((key, stage.by[values.index(None)]))
        else:
            groups.setdefault(values, []).append(key)
    return [tuple(sorted(members)) for members in groups.values()], refused


def _tree(stage: StageSpec, seed: int, keys: Sequence[str], costs: dict[str, Prediction]) -> list[Unit]:
    units: list[Unit] = []
    below = [
        _unit(stage, seed, part, _total(costs[key] for key in part), f"0.{number}")
        for number, part in enumerate(_parts(keys, stage.fan_in))
    ]
    level = 0
    while len(below) > 1:
        units += below
        level += 1
        below = [
            _unit(stage, seed, (), Prediction(0.1), f"{level}.{number}", tuple(part), level)
            for number, part in enumerate(_parts([unit.unit_id for unit in below], stage.fan_in))
        ]
    return units + below


def _parts(items: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])


def _total(predictions: Iterable[Prediction]) -> Prediction:
    return sum(predictions, Prediction(0.0))


def _unit(
    stage: StageSpec,
    seed: int,
    row_keys: tuple[str, ...],
    predicted: Prediction,
    place: str = "",
    needs: tuple[str, ...] = (),
    level: int = 0,
) -> Unit:
    text = "\0".join((stage.name, stage.kind, place, *row_keys, *needs))
    unit_id = hashlib.sha256(text.encode()).hexdigest()[:20]
    return Unit(unit_id, stage.name, stage.kind, row_keys, predicted, unit_seed(seed, unit_id), needs, level)
