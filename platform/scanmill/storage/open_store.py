"""From a URI to its store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from scanmill.errors import SpecError
from scanmill.storage.local_store import LocalStore
from scanmill.storage.s3_store import S3Store
from scanmill.storage.store import Store


def open_store(uri: str | Path, *, options: Mapping[str, Any] | None = None) -> Store:
    """The store at a local folder (``/data``, ``data``, ``file:///data``) or at ``s3://bucket[/folder]``.

    ``options`` are s3fs's own (``key``, ``secret``, ``endpoint_url``); without them the environment decides. Nothing
    is touched or created yet. Raises SpecError for any other scheme.

    >>> open_store("s3://bucket/runs").url("results.parquet")
    's3://bucket/runs/results.parquet'
    """
    text = str(uri)
    scheme, separator, rest = text.partition("://")
    if not separator or scheme == "file":
        folder = Path(unquote(rest) if separator else text).expanduser()
        return LocalStore(folder.absolute())
    if scheme == "s3" and rest.strip("/") and "@" not in rest and ".." not in rest.split("/"):
        return S3Store(rest.strip("/"), dict(options or {}))
    raise SpecError("no store for this URI", expected="a folder, file:// or s3://bucket[/folder]", got=scheme + "://…")
