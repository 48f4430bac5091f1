"""A bucket, or a folder in one, on AWS S3 or anything that speaks its protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from scanmill.errors import InputError, ResourceError
from scanmill.storage.confined import confined
from scanmill.storage.faults import storage_faults
from scanmill.storage.store import CHUNK, DEFAULT_MAX_BYTES, Store

CONNECTION = {"connect_timeout": 5, "read_timeout": 60, "retries": {"mode": "standard", "max_attempts": 3}}
"""botocore's own patience with one request, in seconds and tries."""
TRIES = 2
"""How often s3fs goes through that; a store that is away is told in seconds, not minutes."""


@dataclass(frozen=True)
class S3Store(Store):
    """Objects below ``root``, which is ``bucket[/folder]``.

    Keys and endpoint come from the usual environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL,
    AWS_PROFILE ...) or from ``options``, which are s3fs's own: ``key``, ``secret``, ``endpoint_url``,
    ``client_kwargs``, ``config_kwargs``.
    """

    root: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def uri(self) -> str:
        """``s3://bucket[/folder]``."""
        return f"s3://{self.root}"

    @property
    def is_local(self) -> bool:
        """False."""
        return False

    @cached_property
    def _files(self) -> Any:
        """The s3fs file system: no cache of listings, since other workers write too."""
        import fsspec

        given = {**self.options, "config_kwargs": {**CONNECTION, **self.options.get("config_kwargs", {})}}
        with self._faults(""):
            files = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True, **given)
        files.retries = TRIES
        return files

    def __getstate__(self) -> dict[str, Any]:
        """Without the connection: the other process opens its own."""
        return {"root": self.root, "options": self.options}

    def put_file(self, local: Path, path: str) -> None:
        """One PUT, or a multipart upload that appears when it is complete."""
        key = self._key(path)
        with self._faults(path):
            self._put(self._files.put_file, str(local), key)

    def put_bytes(self, data: bytes, path: str) -> None:
        """One PUT."""
        key = self._key(path)
        with self._faults(path):
            self._put(self._files.pipe_file, key, data)

    def get_bytes(self, path: str, *, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """The whole content, at most ``max_bytes``."""
        size = self.size(path)
        if size > max_bytes:
            raise InputError("a file is too large", where=path, expected=f"at most {max_bytes} bytes", got=size)
        with self._faults(path):
            data: bytes = self._files.cat_file(self._key(path))
        return data

    def stage(self, path: str, into: Path) -> Path:
        """Download below ``into``, in a folder named by key, ETag and size; done once per version."""
        info = self._info(path)
        version = hashlib.sha256(repr((self.url(path), info.get("ETag"), info["size"])).encode()).hexdigest()[:32]
        staged = Path(into) / version / path.rpartition("/")[2]
        with self._faults(path):
            if not (staged.is_file() and staged.stat().st_size == info["size"]):
                staged.parent.mkdir(parents=True, exist_ok=True)
                self._download(path, staged, info["size"])
        return staged

    def exists(self, path: str) -> bool:
        """Whether ``path`` names an object."""
        key = self._key(path)
        with self._faults(path):
            found = self._files.isfile(key)
        if not found:
            self._check_bucket()
        return bool(found)

    def size(self, path: str) -> int:
        """Its number of bytes."""
        return int(self._info(path)["size"])

    def list(self, prefix: str = "") -> list[str]:
        """All objects below the folder ``prefix``."""
        folder = f"{self._key(prefix)}/" if prefix else f"{self.root}/"
        found: list[str] = []
        with self._faults(prefix), suppress(FileNotFoundError):
            found = self._files.find(folder)
        if not found:
            self._check_bucket()
        below = [key.removeprefix(f"{self.root}/") for key in found if key.startswith(folder)]
        return sorted(name for name in below if name and not name.endswith("/"))

    def delete(self, path: str) -> None:
        """Remove an object."""
        key = self._key(path)
        with self._faults(path):
            self._files.call_s3("delete_object", **_bucket_and_key(key))

    def free_bytes(self) -> None:
        """Nobody knows."""

    def sha256(self, path: str) -> str:
        """The hexadecimal digest of the content, read as a stream."""
        digest = hashlib.sha256()
        self._info(path)
        with self._faults(path), self._open(path) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def url(self, path: str) -> str:
        """``s3://bucket/key``."""
        return f"{self.uri}/{confined(path)}"

    def _key(self, path: str) -> str:
        return f"{self.root}/{confined(path)}"

    def _put(self, put: Callable[..., object], *arguments: object) -> None:
        try:
            put(*arguments)
        except FileNotFoundError:
            self._check_bucket()
            raise

    def _open(self, path: str) -> Any:
        return self._files.open(self._key(path), "rb", block_size=CHUNK, cache_type="readahead")

    def _info(self, path: str) -> dict[str, Any]:
        key = self._key(path)
        with self._faults(path):
            try:
                info: dict[str, Any] = self._files.info(key)
            except FileNotFoundError:
                self._check_bucket()
                raise
            if info["type"] != "file":
                raise FileNotFoundError(path)
        return info

    def _check_bucket(self) -> None:
        """ResourceError if the bucket itself is missing; keys that may not ask are believed."""
        bucket = self.root.partition("/")[0]
        with self._faults(""), suppress(PermissionError):
            try:
                self._files.call_s3("head_bucket", Bucket=bucket)
            except FileNotFoundError as error:
                raise ResourceError("the bucket is away", got=bucket, do="check its name and the endpoint") from error

    def _download(self, path: str, staged: Path, size: int) -> None:
        part = staged.with_name(f"{uuid4().hex}.part")
        try:
            self._files.get_file(self._key(path), str(part))
            if part.stat().st_size != size:
                raise ResourceError("a download broke off", where=path, expected=size, got=part.stat().st_size)
            part.replace(staged)
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _faults(self, path: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        with storage_faults(path, BotoCoreError, ClientError):
            yield


def _bucket_and_key(key: str) -> dict[str, str]:
    bucket, _, name = key.partition("/")
    return {"Bucket": bucket, "Key": name}
