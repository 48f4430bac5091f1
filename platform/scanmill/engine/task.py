"""What travels to a worker: the stage once, then one task per attempt. Paths and scalars, never voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanmill.engine.unit import StageKind, Unit

RUN_ROOT = "@run"
"""The root name of files that the run itself has written."""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file below a named root, with what the frozen cohort says of it; ``sha256`` "" is not checked."""

    role: str
    root: str
    path: str
    sha256: str = ""
    bytes: int = -1
    reader: str = ""


@dataclass(frozen=True, slots=True)
class RowData:
    """A row of the stage's cohort."""

    row_key: str
    columns: Mapping[str, Any]
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at one unit, with all that the worker needs to know of its rows.

    ``partials`` are the files that a reduce unit combines; ``finish`` marks the last unit of a reduction.
    """

    unit: Unit
    attempt: int
    epoch: int
    worker: str
    rows: tuple[RowData, ...] = ()
    partials: tuple[FileRef, ...] = ()
    finish: bool = False
    extra: tuple[FileRef, ...] = ()
    tile: float = 1.0

    @property
    def folder(self) -> str:
        """Where this attempt's files go in the run's store: no other attempt, epoch or worker ever writes there."""
        unit_id = self.unit.unit_id
        return f"{unit_id[:2]}/{unit_id}/{self.attempt}-{self.epoch}-{self.worker}"


@dataclass(frozen=True, slots=True)
class StepCall:
    """One line of the job: the step's name, its validated parameters, and the names of its values."""

    use: str
    params: Mapping[str, Any] = field(default_factory=dict)
    into: Mapping[str, str] = field(default_factory=dict)
    out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageWork:
    """What is the same for every task of a stage."""

    run_id: str
    stage: str
    kind: StageKind
    steps: tuple[StepCall, ...]
    store: str
    roots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step says it is; for people only, nothing depends on it."""

    worker: str
    unit_id: str
    fraction: float
    note: str = ""
