"""`scanmill runs verify`: re-hash every committed file, count every row, and find what no ledger names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from scanmill.engine.artifacts import ARTIFACTS
from scanmill.engine.ledger import Ledger
from scanmill.engine.outcome import Artifact
from scanmill.engine.run_folder import LEDGER, RESULTS, RunFolder, stage_file
from scanmill.errors import ResourceError, ScanmillError
from scanmill.storage import Store

THREADS = 8
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. ``problems`` name files that are missing or changed, and results that do not add up;
    ``garbage`` are files of attempts that did not win, ``collected`` how many of them were deleted."""

    files: int
    bytes: int
    problems: tuple[str, ...]
    garbage: tuple[str, ...]
    collected: int = 0

    @property
    def sound(self) -> bool:
        """Whether everything that was committed is there, unchanged."""
        return not self.problems


def verify_run(folder: str | Path, *, ledger_url: str | None = None, collect: bool = False) -> Verification:
    """Check a run. ``collect`` deletes the garbage, unless a driver is at work: what is garbage now may be about to
    win. While it collects no driver can begin."""
    opened = RunFolder.open(folder)
    facts = opened.facts()
    url = ledger_url or os.environ.get("SCANMILL_LEDGER") or facts["ledger"] or str(opened.path / LEDGER)
    with Ledger.open(url) as ledger, ExitStack() as stack:
        free = collect and _keeps_drivers_out(ledger, facts["run_id"], stack)
        artifacts = _committed(ledger, facts["run_id"])
        named: set[str] = set()
        problems: list[str] = []
        total = 0
        with ThreadPoolExecutor(THREADS) as pool:
            while batch := list(islice(artifacts, BATCH)):
                named.update(one.path for one in batch)
                total += sum(one.bytes for one in batch)
                problems += [found for found in pool.map(lambda one: _problem(opened.store, one), batch) if found]
        problems += _miscounted(opened, ledger, facts["run_id"])
        garbage = tuple(path for path in opened.store.list(ARTIFACTS) if path not in named)
        collected = 0
        for path in garbage if free else ():
            opened.store.delete(path)
            collected += 1
    return Verification(len(named), total, tuple(problems), garbage, collected)


def _keeps_drivers_out(ledger: Ledger, run_id: str, stack: ExitStack) -> bool:
    try:
        stack.enter_context(ledger.begin(run_id))
    except ResourceError:
        return False
    return True


def _committed(ledger: Ledger, run_id: str) -> Iterator[Artifact]:
    for record in ledger.units(run_id, state="done"):
        if record.outcome is not None:
            yield from record.outcome.artifacts


def _problem(store: Store, artifact: Artifact) -> str:
    try:
        found = store.sha256(artifact.path)
    except ScanmillError as error:
        return f"{artifact.path}: {error.what}"
    return "" if found == artifact.sha256 else f"{artifact.path}: its content has changed since it was committed"


def _miscounted(folder: RunFolder, ledger: Ledger, run_id: str) -> list[str]:
    """Stages whose results have a row twice, or whose done rows are not those of the ledger."""
    problems = []
    for stage in ledger.stages(run_id):
        name = stage_file(stage, RESULTS)
        folder.fetch(name)
        if not (folder.path / name).is_file():
            continue
        table = pq.read_table(folder.path / name, columns=["row_key", "status"])
        keys = table["row_key"].to_pylist()
        if len(set(keys)) != len(keys):
            problems.append(f"{name}: a row stands twice")
        counts = ledger.counts(run_id, stage)
        ended = not counts["waiting"] + counts["leased"]
        reduced = any(unit.kind == "reduce" for unit in islice(ledger.units(run_id, stage, outcomes=False), 1))
        done = table["status"].to_pylist().count("done")
        if ended and not reduced and done != counts["done"]:
            problems.append(f"{name}: {done} rows are done, {counts['done']} in the ledger; resume the run")
    return problems
