"""A row's files, staged where this process can open them and proved to be those that the cohort was frozen with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from threading import Lock

from scanmill.engine.task import RUN_ROOT, FileRef, RowData
from scanmill.errors import InputError
from scanmill.steps.contract import InputFile, Row
from scanmill.storage import Roots, Store

LONGEST_ENDING = 5
"""Of a file's name; a longer one may be a name."""
MOST_PROVED = 200_000
"""Digests remembered at a time; one scan may be 46,000 files."""


class Inputs:
    """Stages files through storage. A file is hashed again whenever its inode, size or time has changed.

    What a remote store gives is kept in ``into``, a folder of the attempt, or in ``cache`` where many attempts want
    the same: nobody else may look into either.
    """

    def __init__(self, store: Store, roots: Mapping[str, str], cache: Path) -> None:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store, self._roots, self._cache = store, Roots(dict(roots)), cache
        self._stores: dict[str, Store] = {RUN_ROOT: store}
        self._proved: dict[tuple[int, int, int, int], str] = {}
        self._lock = Lock()

    def row(self, data: RowData, staged: dict[str, str], into: Path | None = None) -> Row:
        """The row as steps see it; ``staged`` learns how each path, local or relative, may be shown."""
        return Row(data.row_key, data.columns, self.files(data.files, staged, into))

    def files(self, refs: Iterable[FileRef], staged: dict[str, str], into: Path | None = None) -> tuple[InputFile, ...]:
        """All files, each checked; InputError for the first that is missing or has changed."""
        return tuple(self._file(ref, staged, into or self._cache) for ref in refs)

    def _file(self, ref: FileRef, staged: dict[str, str], into: Path) -> InputFile:
        shown = redacted(ref)
        staged[ref.path] = staged[PurePosixPath(ref.path).name] = shown
        try:
            path = self._store_of(ref.root).stage(ref.path, into / ref.root.strip("@"))
        except InputError as error:
            raise InputError(error.what, where=shown, do="has the cohort moved or changed?") from error
        staged[str(path)] = shown
        self._prove(path, ref, shown)
        return InputFile(ref.role, path, ref.path, ref.sha256, ref.reader)

    def _store_of(self, root: str) -> Store:
        with self._lock:
            if root not in self._stores:
                self._stores[root] = self._roots.store(root)
            return self._stores[root]

    def _prove(self, path: Path, ref: FileRef, shown: str) -> None:
        stat = path.stat()
        if ref.bytes >= 0 and stat.st_size != ref.bytes:
            raise _changed(shown, f"{ref.bytes} bytes", f"{stat.st_size} bytes")
        if ref.sha256 and self._sha256(path, stat) != ref.sha256:
            raise _changed(shown, f"sha256 {ref.sha256[:12]}", "other content")

    def _sha256(self, path: Path, stat: os.stat_result) -> str:
        key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if key not in self._proved:
            if len(self._proved) >= MOST_PROVED:
                self._proved.clear()
            with path.open("rb") as file:
                self._proved[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._proved[key]


def redacted(ref: FileRef) -> str:
    """How messages name a file: its role, a hash of its path, its ending; folders and files may be named after people.

    >>> redacted(FileRef("image", "data", "DOE/2019/JOHN.nii.gz"))
    'image file b4640099.nii.gz'
    """
    digest = hashlib.sha256(ref.path.encode()).hexdigest()[:8]
    endings = [e for e in PurePosixPath(ref.path).suffixes[-2:] if e[1:].isalnum() and len(e) <= LONGEST_ENDING]
    return f"{ref.role} file {digest}{''.join(endings)}"


def _changed(shown: str, expected: str, got: str) -> InputError:
    return InputError(
        "a file has changed since the cohort was frozen",
        where=shown,
        expected=expected,
        got=got,
        do="build the cohort again and start a new run",
    )
