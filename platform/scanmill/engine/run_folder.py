"""The run folder: where everything about a run lies, and its format version (docs/run-folder.md tells it on a page)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path
from typing import Any

from scanmill.cohort import Cohort
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.storage import Store, open_store

FORMAT = 1
RUN, JOB, COHORT = "run.json", "job.yaml", "cohort.parquet"
COHORT_FILES = (COHORT, "cohort.files.parquet", "cohort.problems.parquet", "cohort.roots.json")
LEDGER = "ledger.sqlite"
RESULTS = "results.parquet"
RESULTS_FILES = (RESULTS, "results.files.parquet")


@dataclass(frozen=True)
class RunFolder:
    """A run's files: the small ones lie below ``path``, artifacts and logs in ``store``.

    Usually the two are one folder. Where the store is elsewhere (S3), `publish` copies the small files there too, and
    `fetch` brings them back, so that another machine can open the run by the store's URI alone.
    """

    path: Path
    store: Store

    @classmethod
    def at(cls, out: str | Path, run_id: str, store: str | None = None) -> RunFolder:
        """Where a run of this id goes, whether or not there is one yet."""
        path = _local(f"{out}/{run_id}") or _mirror(f"{out}/{run_id}")
        return cls(path, open_store(f"{store}/{run_id}" if store else f"{out}/{run_id}"))

    @classmethod
    def open(cls, uri: str | Path) -> RunFolder:
        """The folder of a run; SpecError when there is none or a later Scanmill wrote it."""
        path = _local(uri)
        here = cls(path or _mirror(str(uri)), open_store(uri))
        named = str(here.facts().get("store") or "")
        return cls(here.path, open_store(named)) if path and named else here

    @property
    def is_run(self) -> bool:
        """Whether a run was made here: ``run.json`` is written last."""
        return (self.path / RUN).is_file() or self.store.exists(RUN)

    @property
    def is_one(self) -> bool:
        """Whether store and path are the same folder."""
        return getattr(self.store, "root", None) == self.path

    def facts(self) -> dict[str, Any]:
        """What ``run.json`` says."""
        try:
            self.fetch(RUN)
            found: dict[str, Any] = json.loads((self.path / RUN).read_text("utf-8"))
        except (InputError, OSError, ValueError) as error:
            raise SpecError(
                "this is no run folder", where=self.path.name, do="`scanmill runs list` shows runs"
            ) from error
        if found.get("format", 0) > FORMAT:
            raise SpecError("a later Scanmill wrote this run", expected=f"format {FORMAT}", got=found["format"])
        return found

    def write_cohort(self, cohort: Cohort) -> None:
        """Freeze the cohort; its protected table stays where it is."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = "the run folder cannot be made"
            raise ResourceError(what, where=self.path.name, got=error.strerror, do="choose another --out") from error
        cohort.write(self.path / COHORT)
        self.publish(*COHORT_FILES)

    def cohort(self) -> Cohort:
        """The frozen cohort."""
        self.fetch(*COHORT_FILES)
        return Cohort.open(self.path / COHORT)

    def write_text(self, name: str, text: str) -> None:
        """A small file, durably."""
        _put(self.path, name, text)
        self.publish(name)

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """A small file of facts."""
        self.write_text(name, json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """The facts of a small file; empty when there is none."""
        self.fetch(name)
        try:
            found: dict[str, Any] = json.loads((self.path / name).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def publish(self, *names: str) -> None:
        """Copy files below ``path`` to the store, where that is elsewhere."""
        if not self.is_one:
            for name in names:
                self.store.put_file(self.path / name, name)

    def fetch(self, *names: str) -> None:
        """Bring files from the store below ``path``, where they are not yet; those that are nowhere are passed over.

        In a mirror the store is right: another machine may have gone on with the run since."""
        if self.is_one:
            return
        is_mirror = self.path == _mirror(self.store.uri)
        for name in names:
            here = self.path / name
            if (is_mirror or not here.exists()) and self.store.exists(name):
                staged = self.store.stage(name, self.path / "staged")
                if not here.exists() or not cmp(staged, here, shallow=False):
                    open_store(self.path).put_file(staged, name)


def stage_file(stage: str, name: str) -> str:
    """Where a stage's file lies.

    >>> stage_file("main", "results.parquet")
    'stages/main/results.parquet'
    """
    return f"stages/{stage}/{name}"


def _local(uri: str | Path) -> Path | None:
    root = getattr(open_store(uri), "root", None)
    return root if isinstance(root, Path) else None


def _mirror(uri: str) -> Path:
    """Where the small files of a run in a remote store are kept on this machine; only their owner may look."""
    name = hashlib.sha256(uri.rstrip("/").encode()).hexdigest()[:16]
    top = Path(tempfile.gettempdir()) / f"scanmill-mirrors-{os.getuid()}"
    top.mkdir(mode=0o700, exist_ok=True)
    return top / name


def _put(folder: Path, name: str, text: str) -> None:
    open_store(folder).put_bytes(text.encode(), name)
