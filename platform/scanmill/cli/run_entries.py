"""What the rows of a run are found by: their entries, read from the run folder, as rows of an index."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from scanmill.algorithms.features import Embedding
from scanmill.algorithms.features.named import read_embedding
from scanmill.cohort import Cohort
from scanmill.cohort.records import READERS
from scanmill.data import Entries
from scanmill.engine.run_folder import JOB, RESULTS, RunFolder, stage_file
from scanmill.engine.stage_cohort import results_of
from scanmill.errors import InputError, SpecError
from scanmill.io.npz import read_npz
from scanmill.retrieval.entry_table import entry_table

ENTRIES, EMBEDDING = "entries", "embedding"
"""The readers of saved entries and embeddings."""
IMAGES = ("nifti", "dicom", "npz")
File = Mapping[str, Any]
"""A saved file as the side table of results has it: its ``role``, ``reader`` and ``path``."""


@dataclass(frozen=True)
class Described:
    """One saved file of entries: whose it is, where it lies in the run's store, and where the image itself lies."""

    row_key: str
    stage: str
    output: str
    path: str
    image: str | None


class RunEntries:
    """The entries that a run has saved; ``uri`` is its folder."""

    def __init__(self, uri: str | Path) -> None:
        self.folder = RunFolder.open(uri)
        self._staged = tempfile.TemporaryDirectory(prefix="scanmill-entries-")

    def __enter__(self) -> RunEntries:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @cached_property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.folder.facts()["run_id"])

    @cached_property
    def stages(self) -> dict[str, str]:
        """The kind of each stage: rows, groups or reduce."""
        self.folder.fetch(JOB)
        job = yaml.safe_load((self.folder.path / JOB).read_text("utf-8"))
        return {stage["name"]: stage.get("kind", "rows") for stage in job["stages"]}

    def of_stage(self, stage: str) -> list[Described]:
        """All of a stage's done rows; none where it has no results yet."""
        results = self._results(stage)
        if results is None:
            return []
        keys = results.table["row_key"].to_pylist()
        return [one for key in keys for one in self.of_row(key, stage, results.files_of(key))]

    def of_row(self, row_key: str, stage: str, files: Sequence[File]) -> list[Described]:
        """Those among the files of a row."""
        image = _image_of(files)
        return [
            Described(row_key, stage, file["role"], file["path"], image and f"{self.run_id}/{image}")
            for file in files
            if file["reader"] == ENTRIES
        ]

    def of_artifacts(self, row_key: str, stage: str, artifacts: Iterable[Any]) -> list[Described]:
        """Those among the artifacts of a unit of one row."""
        files = [{"role": a.output, "reader": a.kind if a.kind in READERS else "", "path": a.path} for a in artifacts]
        return self.of_row(row_key, stage, files)

    def read(self, one: Described) -> Entries:
        """The entries themselves; InputError where the file is gone or damaged."""
        found = read_npz(self._stage(one.path))
        if not isinstance(found, Entries):
            raise InputError("a file holds no entries", where=one.output, got=type(found).__name__)
        return found

    def table(self, one: Described, entries: Entries) -> pa.Table:
        """The rows of an index, with what the cohort knows of the image."""
        return entry_table(
            entries, self._row(one), row_key=one.row_key, stage=one.stage, output=one.output,
            run_id=self.run_id, uri=one.image,
        )  # fmt: skip

    def embedding(self, entries: Entries) -> Embedding:
        """What made the entries: by their description, or as the run has learned and saved it."""
        told = json.loads(entries.description)
        if told.get("projection") is None and not any(part.get("model") for part in told["parts"]):
            return Embedding.from_dict(told)
        for path in self._saved_embeddings():
            found = read_embedding(self._stage(path))
            if found.digest == entries.embedding:
                return found
        raise SpecError(
            "the run has not saved the embedding that it used", expected=entries.embedding[:12],
            do="make the index with `scanmill index create INDEX --embedding FILE`",
        )  # fmt: skip

    def close(self) -> None:
        """Let go of what was staged."""
        self._staged.cleanup()

    def _saved_embeddings(self) -> Iterator[str]:
        for stage in self.stages:
            results = self._results(stage)
            files = [] if results is None else results.files.to_pylist()
            yield from (file["path"] for file in files if file["reader"] == EMBEDDING)

    def _results(self, stage: str) -> Cohort | None:
        self.folder.fetch(stage_file(stage, RESULTS))
        return results_of(self.folder, stage) if (self.folder.path / stage_file(stage, RESULTS)).is_file() else None

    def _row(self, one: Described) -> pa.Table:
        """The row's own columns: of the frozen cohort, or of the stage's results where rows were made by the job."""
        cohort, places = self._cohort
        if one.row_key not in places:
            results = self._results(one.stage)
            if results is None:
                raise SpecError("a row is in no cohort", got=one.row_key)
            return results.table.slice(results.table["row_key"].to_pylist().index(one.row_key), 1)
        return cohort.table.slice(places[one.row_key], 1)

    @cached_property
    def _cohort(self) -> tuple[Cohort, dict[str, int]]:
        cohort = self.folder.cohort()
        return cohort, {key: place for place, key in enumerate(cohort.table["row_key"].to_pylist())}

    def _stage(self, path: str) -> Path:
        return self.folder.store.stage(path, Path(self._staged.name))


def _image_of(files: Sequence[File]) -> str | None:
    """Where the row's image lies: the output called ``image``, else the first; a folder where it is several files."""
    images: dict[str, list[str]] = {}
    for file in files:
        if file["reader"] in IMAGES:
            images.setdefault(file["role"], []).append(file["path"])
    if not images:
        return None
    paths = images.get("image") or images[min(images)]
    return paths[0] if len(paths) == 1 else paths[0].rpartition("/")[0]
