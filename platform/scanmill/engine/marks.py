"""Which results the units of a later stage are made of: a unit whose inputs have changed since is another unit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from scanmill.engine.run_folder import RESULTS, RunFolder, stage_file
from scanmill.engine.spec import StageSpec
from scanmill.engine.unit import Unit


@dataclass(frozen=True, slots=True)
class Marks:
    """The reuse keys of a stage's results by row; ``one`` is that of its only row, where it stands for all."""

    by_row: dict[str, str]
    one: str | None = None

    def of(self, row_key: str) -> str:
        """Of one row; "" where it has none."""
        return self.by_row.get(row_key, "") if self.one is None else self.one


def input_marks(folder: RunFolder, stage: StageSpec) -> list[Marks]:
    """Of the stages that this one reads: ``from:`` and ``with:``; none for a stage that reads only the cohort."""
    sources = [(stage.source_stage, False)] if stage.source_stage else []
    sources += [(name, True) for name in sorted({name for name, _ in stage.extra_stages.values()})]
    return [_marks(folder, name, shared) for name, shared in sources]


def _marks(folder: RunFolder, stage: str, shared: bool) -> Marks:
    table = pq.ParquetFile(folder.path / stage_file(stage, RESULTS)).read(["row_key", "digest"])
    digests = [digest or "" for digest in table["digest"].to_pylist()]
    one = digests[0] if shared and len(digests) == 1 else None
    return Marks(dict(zip(table["row_key"].to_pylist(), digests, strict=True)), one)


def marked(units: Sequence[Unit], sources: Sequence[Marks]) -> list[Unit]:
    """The units under ids that also tell what they are made of; seeds stay. Needs stand before what needs them."""
    if not sources:
        return list(units)
    ids: dict[str, str] = {}
    told = []
    for unit in units:
        needs = tuple(ids[need] for need in unit.needs)
        marks = (source.of(key) for key in unit.row_keys for source in sources)
        text = "\0".join((unit.unit_id, *needs, *marks))
        ids[unit.unit_id] = hashlib.sha256(text.encode()).hexdigest()[:20]
        told.append(replace(unit, unit_id=ids[unit.unit_id], needs=needs))
    return told
