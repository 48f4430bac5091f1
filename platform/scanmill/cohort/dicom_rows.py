"""Rows of DICOM series: all files of one SeriesInstanceUID, wherever they lie below the root."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from scanmill.cohort import schema
from scanmill.cohort.found_row import Found, FoundFile, FoundRow, Problem, Root
from scanmill.cohort.hashing import in_parallel, n_workers
from scanmill.cohort.identity import site_secret
from scanmill.cohort.row_key import series_row_key
from scanmill.errors import ResourceError

if TYPE_CHECKING:
    from scanmill.io.dicom_scan import FileFacts, SeriesFacts

ENDINGS = frozenset({".dcm", ".dicom", ".ima"})
MANY = 4_000
"""From so many files on, headers are read in processes: parsing holds the interpreter's lock."""

_UID_IN_BRACKETS = re.compile(r"\(([\d.]+)\)$")


def find(root: Root, paths: list[str], *, project: str = "", workers: int | None = None) -> list[Found]:
    """The series among the files, and the DICOM files that are in none."""
    from scanmill.io.dicom_scan import group_series

    looks = in_parallel(partial(_looks_like_dicom, root), paths, workers)
    wanted = [path for path, yes in zip(paths, looks, strict=True) if yes]
    facts: list[FileFacts] = []
    found: list[Found] = []
    for read in _headers(root, wanted, workers):
        if isinstance(read, Problem):
            found.append(read)
        else:
            facts.append(read)
    secret = site_secret() if facts else b""
    for series in group_series(facts):
        found += _rows(root, series, project, secret)
    return found


def _looks_like_dicom(root: Root, path: str) -> bool:
    if PurePosixPath(path).suffix.lower() in ENDINGS:
        return True
    try:
        with (root.folder / path).open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return True  # told as a problem where its header is read


def _headers(root: Root, paths: list[str], workers: int | None) -> Iterator[FileFacts | Problem]:
    read = partial(_header, root)
    if len(paths) < MANY:
        yield from in_parallel(read, paths, workers)
        return
    try:
        with ProcessPoolExecutor(n_workers(workers), mp_context=get_context("spawn")) as pool:
            yield from pool.map(read, paths, chunksize=64)
    except BrokenProcessPool as error:
        raise ResourceError("a process that reads headers died", do="try again with fewer workers") from error


def _header(root: Root, path: str) -> FileFacts | Problem:
    from scanmill.io.dicom_scan import read_file_facts

    try:
        return read_file_facts(root.folder / path)
    except Exception as error:  # noqa: BLE001 - whatever a file does to its reader becomes a problem of that file
        return Problem.of(error, root, path)


def _rows(root: Root, series: SeriesFacts, project: str, secret: bytes) -> Iterable[Found]:
    paths = sorted(path.relative_to(root.folder).as_posix() for path in series.paths)
    uid = series.protected.get("SeriesInstanceUID", "")
    if not uid:
        return [Problem(root.name, path, "InputError", "the file has no SeriesInstanceUID") for path in paths]
    row = FoundRow(
        series_row_key(secret, uid, project=project),
        root,
        tuple(FoundFile("image", "dicom", path) for path in paths),
        _columns(series),
        series.protected,
        series.has_identity,
        problem=series.irregularity or "",
    )
    return [row]


def _columns(series: SeriesFacts) -> dict[str, Any]:
    columns = typed(series.attributes)
    uids = [match[1] for syntax in series.syntaxes if (match := _UID_IN_BRACKETS.search(syntax))]
    columns["TransferSyntaxUID"] = "\\".join(uids) or None
    if series.geometry is not None:
        columns |= dict(zip(("size_z", "size_y", "size_x"), series.geometry.shape, strict=True))
        columns |= dict(zip(("spacing_x", "spacing_y", "spacing_z"), series.geometry.spacing, strict=True))
        columns["missing_slices"] = series.missing_slices
    return columns


def typed(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that have a column; a value that is not what the standard says it is does not count."""
    kinds = {name: kind for name, kind in schema.DICOM.items() if name in attributes}
    return {name: schema.coerced(attributes[name], kind) for name, kind in kinds.items()}
