"""What a stage works on: the frozen cohort or an earlier stage's results, and the files of other stages it names."""

from __future__ import annotations

from collections.abc import Mapping

from scanmill.cohort import Cohort
from scanmill.cohort.results import results_as_cohort
from scanmill.engine.run_folder import RESULTS, RESULTS_FILES, RunFolder, stage_file
from scanmill.engine.task import RUN_ROOT, FileRef
from scanmill.errors import InputError, SpecError


def results_of(folder: RunFolder, stage: str, *, include_failed: bool = False) -> Cohort:
    """The results of a stage that has ended, as a cohort."""
    names = [stage_file(stage, name) for name in RESULTS_FILES]
    folder.fetch(*names)
    path = folder.path / stage_file(stage, RESULTS)
    if not path.is_file():
        raise SpecError("the stage has no results yet", where=stage)
    return results_as_cohort(path, folder.store.uri, only_done=not include_failed)


class ExtraFiles:
    """The files that a stage names under ``with:``: of the same rows, or of the one row where the other stage has one.

    One row, done or not: where one of several is done, it does not stand for the others.

    ``asked`` maps a name to the stage and output behind it. The files come to steps as ``ctx.extra``, with that name
    as their role.
    """

    def __init__(self, folder: RunFolder, asked: Mapping[str, tuple[str, str]]) -> None:
        self._asked = dict(asked)
        self._results = {stage: results_of(folder, stage, include_failed=True) for stage, _ in self._asked.values()}

    def of(self, row_keys: tuple[str, ...]) -> tuple[FileRef, ...]:
        """The files for a unit of these rows; InputError when one of its rows has none."""
        return tuple(ref for name in self._asked for ref in self._one(name, row_keys))

    def _one(self, name: str, row_keys: tuple[str, ...]) -> list[FileRef]:
        stage, output = self._asked[name]
        results = self._results[stage]
        keys = row_keys if len(results) != 1 else (str(results.table["row_key"][0]),)
        files = [file for key in keys for file in results.files_of(key) if file["role"] == output]
        if not files and keys:
            raise InputError(f"there is no {output!r} of stage {stage!r} for this row", where=name)
        return [FileRef(name, RUN_ROOT, f["path"], f["sha256"], f["bytes"], f["reader"]) for f in files]
