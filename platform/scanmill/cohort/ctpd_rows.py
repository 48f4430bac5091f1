"""Rows of DICOM-CT-PD scans: the files of one series, one per view, or a converted store."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from scanmill.cohort.dicom_rows import typed
from scanmill.cohort.found_row import Found, FoundFile, FoundRow, Problem, Root
from scanmill.cohort.hashing import in_parallel
from scanmill.cohort.identity import site_secret
from scanmill.cohort.row_key import path_row_key, row_key, series_row_key
from scanmill.errors import InputError

if TYPE_CHECKING:
    from scanmill.io.ctpd_header import ViewHeader
    from scanmill.io.ctpd_scan import CtpdScan

FILES, STORE = "ctpd", "ctpd-store"
"""The readers."""


def find(root: Root, paths: list[str], *, project: str = "", workers: int | None = None) -> list[Found]:
    """The scans among the files, and the views that are in none; a scan that cannot be used is a row with a problem."""
    from scanmill.io.ctpd_scan import read_headers

    found = _stores(root, paths, project)
    looks = in_parallel(partial(_looks, root), paths, workers)
    views = [path for path, yes in zip(paths, looks, strict=True) if yes]
    if not views:
        return found
    secret = site_secret()
    groups: dict[str, list[ViewHeader]] = defaultdict(list)
    files = [root.folder / path for path in views]
    for header in read_headers(files, workers, photons=False, on_problem=partial(_problem, found, root)):
        groups[header.protected.get("SeriesInstanceUID", "")].append(header)
    for uid, headers in groups.items():
        names = sorted(header.path.relative_to(root.folder).as_posix() for header in headers)
        if uid:
            key = series_row_key(secret, uid, project=project)
            found.append(_row(root, headers, names, key))
        else:
            found += [Problem(root.name, path, "InputError", "the file has no SeriesInstanceUID") for path in names]
    return found


def _looks(root: Root, path: str) -> bool:
    from scanmill.io.ctpd_header import looks_like_ctpd

    try:
        return looks_like_ctpd(root.folder / path)
    except OSError:
        return False  # told where others try to read it


def _problem(found: list[Found], root: Root, path: Path, error: InputError) -> None:
    found.append(Problem.of(error, root, path.relative_to(root.folder).as_posix()))


def _row(root: Root, headers: list[ViewHeader], names: list[str], key: str) -> FoundRow:
    from scanmill.io.ctpd_scan import scan_of
    from scanmill.io.dicom_scan import read_public

    columns = typed(read_public(headers[0].path))
    problem = ""
    try:
        columns |= _columns(scan_of(headers))
    except InputError as error:
        problem = str(error)
    return FoundRow(
        key,
        root,
        tuple(FoundFile("scan", FILES, name) for name in names),
        columns,
        headers[0].protected,
        any(header.identifying for header in headers),
        problem=problem,
    )


def _columns(scan: CtpdScan) -> dict[str, Any]:
    angles = np.rad2deg(np.unwrap(scan.geometry.angles))
    return {
        "n_views": scan.table.n_views,
        "n_rows": scan.table.n_rows,
        "n_columns": scan.table.n_columns,
        "beam": scan.geometry.beam,
        "angle_start_deg": float(angles[0]),
        "angle_range_deg": float(np.ptp(angles)),
    }


def _stores(root: Root, paths: list[str], project: str) -> list[Found]:
    from scanmill.io.ctpd_store import PROJECTIONS, VIEWS

    there = set(paths)
    folders = [PurePosixPath(path).parent for path in paths if PurePosixPath(path).name == VIEWS]
    return [_store(root, folder, project) for folder in folders if str(folder / PROJECTIONS) in there]


def _store(root: Root, folder: PurePosixPath, project: str) -> Found:
    from scanmill.io.ctpd_store import PROJECTIONS, VIEWS, open_store, read_views

    names = [str(folder / name) for name in (PROJECTIONS, VIEWS)]
    files = [root.folder / name for name in names]
    try:
        _, keys = read_views(files[1])
        scan = open_store(*files)
        key = row_key(project, keys["row"]) if keys.get("row") else path_row_key(names[0], project=project)
        columns = {**_columns(scan), "Modality": "CT", "Manufacturer": scan.table.scan["Manufacturer"]}
    except Exception as error:  # noqa: BLE001 - whatever a file does to its reader becomes a problem of that file
        return Problem.of(error, root, names[0])
    found = tuple(FoundFile("scan", STORE, name) for name in names)
    return FoundRow(key, root, found, columns, contains_identity=False, patient_key=keys.get("patient", ""))
