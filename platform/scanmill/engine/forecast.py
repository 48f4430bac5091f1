"""What the steps of a stage will cost on each row; a step is asked once for all rows that look the same to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from scanmill.errors import ScanmillError
from scanmill.steps.contract import Params, Prediction, Step
from scanmill.steps.table import find_step

if TYPE_CHECKING:
    from scanmill.engine.spec import StageSpec

Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
UNABLE = (ScanmillError, KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError)
"""What a step may raise on a row without the columns that it hopes for; the row then costs a default prediction."""
FEW = 1000
"""With more kinds of rows than this, the first look at a new column starts over at once."""


def forecast(stage: StageSpec, table: pa.Table, device: str) -> list[Prediction]:
    """The predicted cost of every row."""
    total: list[Prediction] | None = None
    for spec in stage.steps:
        each = _of_step(find_step(spec.use), spec.resolved(), table, device)
        total = each if total is None else _sums(total, each)
    return total or []


def _of_step(step: Step, params: Params, table: pa.Table, device: str) -> list[Prediction]:
    """Ask the step, watching which columns it looks at; ask again by more columns when it looked at others."""
    known: list[str] = []
    while True:
        first, which = _alike(table, known)
        rows = _Rows(table, first, known)
        answers = []
        for index in range(len(first)):
            answers.append(_ask(step, params, Watched(rows, index), device))
            if rows.looked and len(first) > FEW:
                break
        if not rows.looked:
            return [answers[one] for one in which]
        known += sorted(rows.looked)


def _ask(step: Step, params: Params, row: Watched, device: str) -> Prediction:
    try:
        return step.predict(row, params, device)
    except UNABLE:
        return Prediction()


class _Rows:
    """The rows that stand for the others; ``looked`` collects the columns beyond the known ones."""

    def __init__(self, table: pa.Table, first: Counts, known: Sequence[str]) -> None:
        self.table, self.first, self.looked = table, first, set[str]()
        self.known = {name: table.column(name).take(pa.array(first)).to_pylist() for name in known}


class Watched(Mapping[str, Any]):
    """A row's columns; looking at one is noticed."""

    def __init__(self, rows: _Rows, index: int) -> None:
        self._rows, self._index = rows, index

    def __getitem__(self, name: str) -> Any:
        values = self._rows.known.get(name)
        if values is not None:
            return values[self._index]
        if name not in self._rows.table.column_names:
            raise KeyError(name)
        self._rows.looked.add(name)
        return self._rows.table.column(name)[int(self._rows.first[self._index])].as_py()

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows.table.column_names)

    def __len__(self) -> int:
        return len(self._rows.table.column_names)


def _alike(table: pa.Table, names: Sequence[str]) -> tuple[Counts, Counts]:
    """Rows that agree in these columns: the first row of each kind, and the kind of every row."""
    which = np.zeros(len(table), np.int64)
    first = np.zeros(min(1, len(table)), np.int64)
    for name in names:
        codes = _codes(table.column(name))
        _, first, which = np.unique(
            which * (int(codes.max(initial=0)) + 1) + codes, return_index=True, return_inverse=True
        )
    return first, which


def _codes(column: pa.ChunkedArray) -> Counts:
    """A number for every distinct value; a null has one too, and a nested value counts as different from all others."""
    if pa.types.is_nested(column.type):
        return np.arange(len(column), dtype=np.int64)
    codes = column.combine_chunks().dictionary_encode(null_encoding="encode").indices
    return np.asarray(codes.to_numpy(zero_copy_only=False), np.int64)


def _sums(left: list[Prediction], right: list[Prediction]) -> list[Prediction]:
    """Element by element; equal pairs are added once, and share the result."""
    known: dict[tuple[int, int], Prediction] = {}
    total = []
    for one, other in zip(left, right, strict=True):
        key = (id(one), id(other))
        if key not in known:
            known[key] = one + other
        total.append(known[key])
    return total
