"""What every store can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

DEFAULT_MAX_BYTES = 64 * 2**20
CHUNK = 8 * 2**20


class Store(ABC):
    """Files below one root, named by relative paths with forward slashes.

    What has returned from ``put_file`` or ``put_bytes`` survives a power cut, and nobody ever sees half of it.
    Names are meant to be unique per attempt: nothing is locked, and writing a name again replaces it.

    Every method raises InputError for a path that leaves the root or that names no file, and ResourceError when the
    storage is full, read-only, away or too slow. A store may be pickled.
    """

    @property
    @abstractmethod
    def uri(self) -> str:
        """The root, without a slash at its end."""

    @property
    @abstractmethod
    def is_local(self) -> bool:
        """Whether staging costs nothing."""

    @abstractmethod
    def put_file(self, local: Path, path: str) -> None:
        """Copy a local file to ``path``."""

    @abstractmethod
    def put_bytes(self, data: bytes, path: str) -> None:
        """Write ``data`` to ``path``."""

    @abstractmethod
    def get_bytes(self, path: str, *, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """The whole content; InputError if it is larger than ``max_bytes``."""

    @abstractmethod
    def stage(self, path: str, into: Path) -> Path:
        """A local file with that content and file name, not to be written to.

        A local store answers with the file itself; a remote one downloads it below ``into``, once per version.
        """

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether ``path`` names a file."""

    @abstractmethod
    def size(self, path: str) -> int:
        """Its number of bytes."""

    @abstractmethod
    def list(self, prefix: str = "") -> list[str]:
        """All files below the folder ``prefix``, at any depth, sorted; none if there is no such folder."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file; no error if it is gone already."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """How much still fits, or None where nobody knows (S3)."""

    @abstractmethod
    def sha256(self, path: str) -> str:
        """The hexadecimal digest of the content, read as a stream."""

    @abstractmethod
    def url(self, path: str) -> str:
        """The absolute URI of ``path``."""
