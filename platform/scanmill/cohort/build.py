"""From folders of scans to a cohort: every file looked at, every row described, every fault written down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scanmill.cohort import card_rows, ctpd_rows, dicom_rows, kspace_rows, nifti_rows, schema
from scanmill.cohort.found_row import Found, FoundRow, Problem, Root
from scanmill.cohort.hashing import Progress, in_parallel, sha256_of
from scanmill.cohort.identity import patient_key, site_secret
from scanmill.cohort.manifest import Cohort
from scanmill.cohort.protected import PROTECTED, write_protected
from scanmill.cohort.records import content_digest
from scanmill.cohort.walk import list_files, open_roots
from scanmill.errors import SpecError

if TYPE_CHECKING:
    from scanmill.io.card import Card

    OneOrMoreCards = str | Path | Card | Sequence[str | Path | Card]

RAW_ARRAYS = frozenset({".mat", ".h5", ".hdf5", ".npy", ".npz"})
"""Endings of files that would be rows if a data card said how."""


@dataclass(frozen=True)
class BuildSummary:
    """What a build found: counts, where the cohort lies, and what was not looked into, by ending."""

    path: Path
    n_rows: int
    n_files: int
    bytes: int
    n_problems: int
    n_with_identity: int
    digest: str
    seconds: float
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def contains_identity(self) -> bool:
        """Whether the files of any row name a person."""
        return self.n_with_identity > 0


def build_cohort(
    paths: Sequence[Path | str],
    *,
    out: Path | str,
    card: OneOrMoreCards | None = None,
    project: str = "",
    workers: int | None = None,
    progress: Progress | None = None,
) -> BuildSummary:
    """Make ``out`` (``cohort.parquet``) and its side tables from all scans in ``paths``, folders or files.

    With a ``card`` (a name of the catalogue, a YAML file or a Card), or several, the rows are those that they describe;
    without, they are DICOM series (images, or the projections of DICOM-CT-PD), NIfTI images, and raw MR data (ISMRMRD,
    fastMRI, BART's ``.cfl``). What cannot be read becomes a line of the problems table, and so does a row that is kept
    with a fault (a slice missing). ``project`` stands first in every row key. Raises SpecError for a folder that is not
    there or a wrong card, ResourceError where ``out`` cannot be written.
    """
    start = time.monotonic()
    roots = open_roots([Path(path) for path in paths])
    several = card if isinstance(card, Sequence) and not isinstance(card, str) else [] if card is None else [card]
    cards = [card_rows.load(one) for one in several]
    listed = [(root, *list_files(root)) for root in roots]
    found: list[Found] = [problem for _, _, problems in listed for problem in problems]
    skipped: Counter[str] = Counter()
    for root, files, _ in listed:
        rows, left = _search(root, files, cards, project, workers)
        found += rows
        skipped.update(PurePosixPath(path).suffix.lower() or "(none)" for path in left)
    unique, problems = _unique(found)
    cohort, protected = _described(unique, problems, roots, workers, progress)
    out = Path(out)
    write_protected(out, protected)
    cohort.write(out)
    return BuildSummary(
        out,
        len(cohort),
        cohort.files.num_rows,
        sum(cohort.table["bytes"].to_pylist()),
        cohort.problems.num_rows,
        sum(map(bool, cohort.table["contains_identity"].to_pylist())),
        cohort.digest,
        time.monotonic() - start,
        dict(sorted(skipped.items())),
    )


def _search(
    root: Root, files: list[str], cards: Sequence[Card], project: str, workers: int | None
) -> tuple[list[Found], list[str]]:
    """The rows below one root, and the files that belong to none."""
    found: list[Found] = []
    for card in cards:
        describe = partial(card_rows.card_row, card, card.to_json(), root, project=project)
        found += in_parallel(describe, card_rows.find_card_rows(card, root, set(files)), workers)
    if not cards:
        images = [path for path in files if path.lower().endswith(nifti_rows.ENDINGS)]
        found += nifti_rows.find(root, images, project=project, workers=workers)
        others = sorted(set(files) - set(images))
        found += ctpd_rows.find(root, others, project=project, workers=workers)
        found += kspace_rows.find(root, others, project=project, workers=workers)
        taken = _paths(found)
        found += dicom_rows.find(root, [path for path in others if path not in taken], project=project, workers=workers)
        used = _paths(found)
        found += [_needs_card(root, path) for path in others if path not in used and _is_raw(path)]
    used = _paths(found)
    return found, [path for path in files if path not in used]


def _paths(found: Iterable[Found]) -> set[str]:
    return {
        path
        for item in found
        for path in ([item.path] if isinstance(item, Problem) else [file.path for file in item.files])
    }


def _is_raw(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in RAW_ARRAYS


def _needs_card(root: Root, path: str) -> Problem:
    return Problem(
        root.name, path, "InputError", "a raw array says nothing of its geometry; describe it by a data card"
    )


def _unique(found: Iterable[Found]) -> tuple[list[FoundRow], list[Problem]]:
    """The rows by key; of two with one key the first stays, and the other is a problem."""
    rows: dict[str, FoundRow] = {}
    problems: list[Problem] = []
    for item in found:
        if isinstance(item, Problem):
            problems.append(item)
        elif item.row_key in rows:
            problems.append(_second(item))
        else:
            rows[item.row_key] = item
            if item.problem:
                problems.append(Problem(item.root.name, item.files[0].path, "InputError", item.problem))
    return [rows[key] for key in sorted(rows)], problems


def _second(row: FoundRow) -> Problem:
    return Problem(row.root.name, row.files[0].path, "InputError", f"a second row with the key {row.row_key}; left out")


def _described(
    rows: list[FoundRow], problems: list[Problem], roots: list[Root], workers: int | None, progress: Progress | None
) -> tuple[Cohort, pa.Table]:
    """Hash the files of all rows; a row of which one cannot be read is a problem."""
    digests, unread = _hashed(rows, workers, progress)
    good = [row for row in rows if row.row_key not in unread]
    problems = sorted([*problems, *unread.values()], key=lambda problem: (problem.root, problem.path, problem.problem))
    files = [
        {"row_key": row.row_key, "role": file.role, "reader": file.reader, "root": row.root.name, "path": file.path}
        | dict(zip(("sha256", "bytes"), digests[row.row_key, file.path], strict=True))
        for row in good
        for file in row.files
    ]
    cohort = Cohort(
        schema.stamped(_table(good, digests)),
        schema.stamped(pa.Table.from_pylist(files, schema=schema.FILES)),
        {root.name: str(root.folder) for root in roots},
        pa.Table.from_pylist([vars(problem) for problem in problems], schema=schema.PROBLEMS),
    )
    protected = [
        {
            "row_key": row.row_key,
            **row.identity,
            "root": row.root.name,
            "full_path": str((row.root.folder / row.files[0].path).parent),
        }
        for row in good
    ]
    return cohort, pa.Table.from_pylist(protected, schema=PROTECTED)


Digests = dict[tuple[str, str], tuple[str, int]]


def _hashed(rows: list[FoundRow], workers: int | None, progress: Progress | None) -> tuple[Digests, dict[str, Problem]]:
    jobs = [(row, path) for row in rows for path in sorted({file.path for file in row.files})]
    digests: Digests = {}
    unread: dict[str, Problem] = {}
    n_bytes = 0
    for number, ((row, path), result) in enumerate(zip(jobs, in_parallel(_hash, jobs, workers), strict=True), start=1):
        if isinstance(result, Problem):
            unread.setdefault(row.row_key, result)
        else:
            digests[row.row_key, path] = result
            n_bytes += result[1]
        if progress:
            progress(number, len(jobs), n_bytes)
    return digests, unread


def _hash(job: tuple[FoundRow, str]) -> tuple[str, int] | Problem:
    row, path = job
    try:
        return sha256_of(row.root.folder / path)
    except OSError as error:
        return Problem.of(error, row.root, path)


def _table(rows: list[FoundRow], digests: Digests) -> pa.Table:
    """The rows as a table: the required columns, and of all others those that somebody has."""
    secret = site_secret() if any(row.identity.get("PatientID") for row in rows) else b""
    records = [_record(row, digests, secret) for row in rows]
    names = {name: None for record in records for name, value in record.items() if value is not None}
    order = [*schema.REQUIRED, *(name for name in schema.KNOWN if name in names and name not in schema.REQUIRED)]
    order += sorted(name for name in names if name not in schema.KNOWN)
    return pa.table({name: schema.typed_column(name, [record.get(name) for record in records]) for name in order})


def _record(row: FoundRow, digests: Digests, secret: bytes) -> dict[str, Any]:
    clash = sorted(set(row.columns) & set(schema.REQUIRED))
    if clash:
        raise SpecError(f"a card may not set the column {clash[0]!r}", where=row.row_key)
    facts = {path: digests[row.row_key, path] for path in {file.path for file in row.files}}
    patient = row.identity.get("PatientID", "")
    return {
        **row.columns,
        "row_key": row.row_key,
        "patient_key": patient_key(secret, patient) if patient.strip() else row.patient_key or None,
        "content_digest": content_digest(sha256 for sha256, _ in facts.values()),
        "bytes": sum(size for _, size in facts.values()),
        "n_files": len(facts),
        "card": row.card,
        "contains_identity": row.contains_identity,
    }
