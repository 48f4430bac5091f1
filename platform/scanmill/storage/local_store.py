"""A folder on this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from uuid import uuid4

from scanmill.errors import InputError, ResourceError
from scanmill.storage.confined import confined
from scanmill.storage.faults import storage_faults
from scanmill.storage.store import CHUNK, DEFAULT_MAX_BYTES, Store

PART_PREFIX = ".scanmill-part-"
"""How unfinished files are called; :meth:`LocalStore.list` does not show them."""


@dataclass(frozen=True)
class LocalStore(Store):
    """Files below ``root``; symbolic links may point inside the root, never out of it."""

    root: Path

    @property
    def is_local(self) -> bool:
        """True."""
        return True

    @property
    def uri(self) -> str:
        """The root as a ``file://`` URI."""
        return "file://" + quote(self.root.as_posix())

    def put_file(self, local: Path, path: str) -> None:
        """Copy, fsync the file and its folder, then give it its name."""
        self._put(path, lambda out: _copy(local, out))

    def put_bytes(self, data: bytes, path: str) -> None:
        """Write, fsync the file and its folder, then give it its name."""

        def write(out: BinaryIO) -> None:
            out.write(data)

        self._put(path, write)

    def get_bytes(self, path: str, *, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """The whole content, at most ``max_bytes``."""
        with storage_faults(path), self._existing(path).open("rb") as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise InputError("a file is too large", where=path, expected=f"at most {max_bytes} bytes")
        return data

    def stage(self, path: str, into: Path) -> Path:
        """The file itself; nothing is copied."""
        return self._existing(path)

    def exists(self, path: str) -> bool:
        """Whether ``path`` names a file."""
        with storage_faults(path):
            return self._resolved(path).is_file()

    def size(self, path: str) -> int:
        """Its number of bytes."""
        with storage_faults(path):
            return self._existing(path).stat().st_size

    def list(self, prefix: str = "") -> list[str]:
        """All files below the folder ``prefix``; links to folders are not followed."""
        top = self._resolved(prefix) if prefix else self.root
        base = f"{prefix}/" if prefix else ""
        with storage_faults(prefix):
            return sorted(base + file.relative_to(top).as_posix() for file in _files_below(top))

    def delete(self, path: str) -> None:
        """Remove a file (a link itself, not what it points to)."""
        folder, _, name = confined(path).rpartition("/")
        parent = self._resolved(folder) if folder else self.root
        with storage_faults(path), suppress(FileNotFoundError, NotADirectoryError):
            (parent / name).unlink()

    def free_bytes(self) -> int:
        """What the file system under the root still has."""
        with storage_faults(""):
            nearest = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
            return shutil.disk_usage(nearest).free

    def sha256(self, path: str) -> str:
        """The hexadecimal digest of the content, read as a stream."""
        with storage_faults(path), self._existing(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def url(self, path: str) -> str:
        """``file://`` and the absolute path."""
        return f"{self.uri}/{quote(confined(path))}"

    def _resolved(self, path: str) -> Path:
        root = Path(os.path.realpath(self.root))
        resolved = Path(os.path.realpath(root / confined(path)))
        if root not in resolved.parents:
            raise InputError("a symbolic link leads out of its root", where=path)
        return resolved

    def _existing(self, path: str) -> Path:
        resolved = self._resolved(path)
        with storage_faults(path):
            if not self.root.is_dir():
                raise ResourceError("the storage root is away", where=path, do="check that it is mounted")
            if not resolved.is_file():
                raise FileNotFoundError(path)
        return resolved

    def _put(self, path: str, write: Callable[[BinaryIO], object]) -> None:
        target = self._resolved(path)
        part = target.with_name(f"{PART_PREFIX}{uuid4().hex}")
        with storage_faults(path):
            _make_folders(target.parent)
            try:
                with part.open("xb") as out:
                    write(out)
                    out.flush()
                    os.fsync(out.fileno())
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
            _fsync_folder(target.parent)


def _copy(local: Path, out: BinaryIO) -> None:
    with Path(local).open("rb") as source:
        shutil.copyfileobj(source, out, CHUNK)


def _files_below(top: Path) -> list[Path]:
    return [
        Path(folder, name)
        for folder, _, names in os.walk(top, onerror=_unless_missing)
        for name in names
        if not name.startswith(PART_PREFIX)
    ]


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _make_folders(folder: Path) -> None:
    """Create the missing folders from the top, and fsync each one's parent so that the name is durable."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    _fsync_folder(folder.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
