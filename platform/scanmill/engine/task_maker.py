"""From a scheduler's `Assign` to the `Task` that a worker gets: rows, files, partials, files of other stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scanmill.cohort import Cohort
from scanmill.engine.artifacts import PARTIAL
from scanmill.engine.messages import Assign
from scanmill.engine.outcome import Outcome
from scanmill.engine.stage_cohort import ExtraFiles
from scanmill.engine.task import RUN_ROOT, FileRef, RowData, Task
from scanmill.engine.unit import Unit
from scanmill.errors import InputError


class TaskMaker:
    """Makes the tasks of one stage. It remembers the partials that its reduction has made so far."""

    def __init__(self, cohort: Cohort, extra: ExtraFiles, epoch: int, units: Iterable[Unit]) -> None:
        self._cohort, self._extra, self._epoch = cohort, extra, epoch
        self._needed = {need for unit in units for need in unit.needs}
        self._partials: dict[str, FileRef] = {}

    def ended(self, unit_id: str, outcome: Outcome) -> None:
        """Remember the partial of a unit that is done, if it made one."""
        if unit_id in self._needed:
            for artifact in outcome.artifacts:
                if artifact.output == PARTIAL:
                    self._partials[unit_id] = FileRef(PARTIAL, RUN_ROOT, artifact.path, artifact.sha256, artifact.bytes)

    def make(self, assign: Assign) -> Task:
        """The task; InputError when a partial or a file of another stage that the unit needs was never made."""
        unit = assign.unit
        return Task(
            unit,
            assign.attempt,
            self._epoch,
            assign.worker,
            rows=() if unit.needs else tuple(self._row(key) for key in unit.row_keys),
            partials=tuple(self._partial(need) for need in unit.needs),
            finish=unit.kind == "reduce" and unit.unit_id not in self._needed,
            extra=self._extra.of(unit.row_keys),
            tile=assign.tile,
        )

    def _partial(self, need: str) -> FileRef:
        if need not in self._partials:
            raise InputError("a partial that this one combines was never made", where=need)
        return self._partials[need]

    def _row(self, row_key: str) -> RowData:
        return RowData(row_key, self._cohort.row(row_key), tuple(map(_ref, self._cohort.files_of(row_key))))


def _ref(file: Mapping[str, object]) -> FileRef:
    size = file["bytes"]
    return FileRef(
        role=str(file["role"]),
        root=str(file["root"]),
        path=str(file["path"]),
        sha256=str(file["sha256"] or ""),
        bytes=size if isinstance(size, int) else -1,
        reader=str(file["reader"] or ""),
    )
