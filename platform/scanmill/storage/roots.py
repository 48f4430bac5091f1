"""Named roots: where ``data`` lies may differ from machine to machine, and roots move."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanmill.errors import SpecError
from scanmill.storage.confined import confined
from scanmill.storage.open_store import open_store
from scanmill.storage.store import Store

VARIABLE = "SCANMILL_ROOT_"


@dataclass(frozen=True)
class Roots:
    """A name to a store's URI; a file is known as ``name:relative/path`` wherever the root lies today.

    The environment wins over the mapping: ``SCANMILL_ROOT_DATA`` says where the root ``data`` lies on this machine
    (a ``-`` in a name is a ``_`` there).

    >>> roots = Roots({"data": "s3://bucket/scans"})
    >>> roots.store("data").url("tooth.h5")
    's3://bucket/scans/tooth.h5'
    >>> Roots.split("data:ct/tooth.h5")
    ('data', 'ct/tooth.h5')
    """

    uris: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def uri(self, name: str) -> str:
        """Where the root lies; SpecError if nobody says."""
        variable = VARIABLE + name.upper().replace("-", "_")
        uri = os.environ.get(variable) or self.uris.get(name)
        if not uri:
            raise SpecError("an unknown root", got=name, expected=sorted(self.uris), do=f"set {variable}")
        return uri

    def store(self, name: str) -> Store:
        """The store of a root."""
        return open_store(self.uri(name), options=self.options.get(name))

    def locate(self, uri: str) -> tuple[Store, str]:
        """The store and the relative path of ``name:relative/path``."""
        name, path = self.split(uri)
        return self.store(name), path

    def with_root(self, name: str, uri: str) -> Roots:
        """The same roots and one more, or one moved."""
        return Roots({**self.uris, name: uri}, self.options)

    @staticmethod
    def join(name: str, path: str) -> str:
        """``name:relative/path``, checked."""
        if not name or not name.replace("_", "").replace("-", "").isalnum():
            raise SpecError("a root's name has letters, digits, - and _", got=name)
        return f"{name}:{confined(path)}"

    @staticmethod
    def split(uri: str) -> tuple[str, str]:
        """The inverse of :meth:`join`."""
        name, colon, path = uri.partition(":")
        if not colon or not name:
            raise SpecError("a file is named root:relative/path", got=uri[:200])
        return name, confined(path)
