"""Rows of raw MR data: ISMRMRD and fastMRI files, told apart by content, and BART's pairs of files.

A pair whose dimensions are not those of Cartesian k-space (maps, images) is no row but a line of the problems.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from scanmill.cohort.dicom_rows import typed
from scanmill.cohort.found_row import Found, FoundFile, FoundRow, Problem, Root, scrubbed
from scanmill.cohort.hashing import in_parallel
from scanmill.cohort.row_key import path_row_key, row_key
from scanmill.errors import InputError

HDF5 = frozenset({".h5", ".hdf5", ".mrd"})
TWIX_ADVICE = "Siemens raw data (twix) are not read; convert them with siemens_to_ismrmrd and build from its .h5 files"
MR = {"Modality": "MR"}


def find(root: Root, paths: list[str], *, project: str = "", workers: int | None = None) -> list[Found]:
    """The raw MR scans among the files; one that cannot be used is a row with a problem, an HDF5 file that cannot be
    opened too. HDF5 files that hold something else are left alone."""
    there = frozenset(paths)
    look = partial(_rows_of, root, project, there)
    wanted = [path for path in paths if _ending(path) in HDF5 or _ending(path) in (".cfl", ".dat")]
    return [row for rows in in_parallel(look, wanted, workers) for row in rows]


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _rows_of(root: Root, project: str, there: Collection[str], path: str) -> list[Found]:
    try:
        if _ending(path) == ".cfl":
            return [_cfl(root, project, there, path)]
        if _ending(path) == ".dat":
            return [Problem(root.name, path, "InputError", TWIX_ADVICE)] if _is_twix(root, path) else []
        return _hdf5(root, project, path)
    except Exception as error:  # noqa: BLE001 - whatever a file does to its reader becomes a problem of that file
        return [Problem.of(error, root, path)]


def _hdf5(root: Root, project: str, path: str) -> list[Found]:
    from scanmill.io.fastmri import looks_like_fastmri
    from scanmill.io.hdf5 import is_hdf5
    from scanmill.io.ismrmrd import looks_like_ismrmrd

    if not is_hdf5(root.folder / path):
        raise InputError("not a readable HDF5 file", where=PurePosixPath(path).name)
    try:
        is_fastmri, is_ismrmrd = looks_like_fastmri(root.folder / path), looks_like_ismrmrd(root.folder / path)
    except InputError as error:  # cut off or corrupt: what it was nobody can tell, and it must not be lost
        key, problem = path_row_key(path, project=project), scrubbed(str(error), root)
        return [FoundRow(key, root, _ismrmrd_file(path), {}, problem=problem)]
    if is_fastmri:
        return [_fastmri(root, project, path)]
    return _ismrmrd(root, project, path) if is_ismrmrd else []


def _fastmri(root: Root, project: str, path: str) -> FoundRow:
    from scanmill.io.fastmri import open_fastmri
    from scanmill.io.identity import identifying_keywords

    key, files = path_row_key(path, project=project), [FoundFile("scan", "fastmri", path)]
    try:
        scan = open_fastmri(root.folder / path)
    except InputError as error:
        return FoundRow(key, root, tuple(files), MR, problem=scrubbed(str(error), root))
    if scan.image:
        files.append(FoundFile("reference", "fastmri-image", path))
    columns = {**typed(scan.header.public), **scan.facts.columns, "acquisition": scan.acquisition or None}
    has_identity = bool(identifying_keywords(scan.protected))
    return FoundRow(key, root, tuple(files), columns, scan.protected, has_identity)


def _ismrmrd(root: Root, project: str, path: str) -> list[Found]:
    """A row for each encoding with images of each measurement, named in the key where there are several."""
    from scanmill.io.ismrmrd import measurements

    key = path_row_key(path, project=project)
    try:
        found = measurements(root.folder / path)
    except InputError as error:
        return [FoundRow(key, root, _ismrmrd_file(path), MR, problem=scrubbed(str(error), root))]
    rows: list[Found] = []
    for name, numbers in found.items():
        for number in numbers or (None,) * (len(found) == 1):
            chosen: dict[str, Any] = {"measurement": name} if len(found) > 1 else {}
            chosen |= {"encoding": number} if len(numbers) > 1 else {}
            parts = [name] * (len(found) > 1) + [f"encoding-{number}"] * (len(numbers) > 1)
            rows.append(_encoding(root, "/".join((key, *(row_key("", part) for part in parts))), path, chosen))
    return rows


def _encoding(root: Root, key: str, path: str, chosen: Mapping[str, Any]) -> FoundRow:
    from scanmill.io.identity import identifying_keywords
    from scanmill.io.ismrmrd import open_ismrmrd

    try:
        scan = open_ismrmrd(root.folder / path, **chosen)
        columns = {**typed(scan.header.public), **scan.facts.columns, **chosen}
    except InputError as error:
        return FoundRow(key, root, _ismrmrd_file(path), {**MR, **chosen}, problem=scrubbed(str(error), root))
    protected = scan.header.protected
    return FoundRow(key, root, _ismrmrd_file(path), columns, protected, bool(identifying_keywords(protected)))


def _ismrmrd_file(path: str) -> tuple[FoundFile, ...]:
    return (FoundFile("scan", "ismrmrd", path),)


def _cfl(root: Root, project: str, there: Collection[str], path: str) -> Found:
    from scanmill.io import cfl
    from scanmill.io.card_files import cfl_header
    from scanmill.io.cfl_kspace import open_cfl

    header = cfl_header(path)
    if header not in there:
        raise InputError(
            "a .cfl without its header", where=PurePosixPath(path).name, expected=PurePosixPath(header).name
        )
    key, files = path_row_key(path, project=project), tuple(FoundFile("scan", "cfl", name) for name in (path, header))
    try:
        cfl.describe(root.folder / path, "", root.folder / header)
    except InputError as error:
        return FoundRow(key, root, files, MR, problem=scrubbed(str(error), root))
    return FoundRow(key, root, files, open_cfl(root.folder / path, root.folder / header).facts.columns)


def _is_twix(root: Root, path: str) -> bool:
    """Whether a ``.dat`` starts as Siemens' raw data do: VD and VE with the number of their measurements, VB with the
    length of a header that begins with its own count of buffers."""
    with (root.folder / path).open("rb") as stream:
        head = stream.read(8)
    first, second = (int.from_bytes(head[at : at + 4], "little") for at in (0, 4))
    return len(head) == 8 and ((first < 10_000 and 0 < second <= 64) or (32 < first < 2**24 and 0 < second < 32))
