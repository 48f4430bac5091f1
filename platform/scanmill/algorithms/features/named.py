"""How an embedding is told: by the name of a default, by its description, or in a text with all that it has learned."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanmill.algorithms.features.default import default_embedding
from scanmill.algorithms.features.embedding import Embedding
from scanmill.algorithms.features.projection import Projection
from scanmill.errors import SpecError

LARGEST_TEXT = 2**28
"""A longer one is not looked into."""


def embedding_of(told: str | Mapping[str, Any]) -> Embedding:
    """The default of that name (:data:`scanmill.algorithms.features.default.DEFAULTS`), or the embedding described.

    >>> embedding_of("slice") == embedding_of(embedding_of("slice").to_dict())
    True
    """
    return default_embedding(told) if isinstance(told, str) else Embedding.from_dict(told)


def embedding_text(embedding: Embedding) -> str:
    """One JSON document with everything in it, the projection too; the same embedding gives the same text."""
    learned = None if embedding.projection is None else base64.b64encode(embedding.projection.to_bytes()).decode()
    fields = {"digest": embedding.digest, "embedding": embedding.to_dict(), "projection_npz": learned}
    return json.dumps(fields, indent=1, sort_keys=True) + "\n"


def read_embedding(path: Path, digest: str = "") -> Embedding:
    """The embedding in a file; SpecError where it is none, or not the one of ``digest``."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise SpecError("too large for an embedding", where=path.name, expected=f"at most {LARGEST_TEXT} bytes")
        embedding = embedding_from_text(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError("a file of an embedding cannot be read", where=path.name) from error
    if digest and not embedding.digest.startswith(digest):
        raise SpecError("another embedding than the job asks for", where=path.name, expected=digest,
                        got=embedding.digest)  # fmt: skip
    return embedding


def embedding_from_text(text: str) -> Embedding:
    """The inverse of :func:`embedding_text`; SpecError for another text, and for one that was changed by hand.

    >>> embedding_from_text(embedding_text(embedding_of("slice"))) == embedding_of("slice")
    True
    """
    try:
        fields = json.loads(text)
        packed, told, digest = fields["projection_npz"], fields["embedding"], fields["digest"]
        learned = None if packed is None else Projection.from_bytes(base64.b64decode(packed, validate=True))
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise SpecError("this is no file of an embedding", do="the step embedding.fit writes one") from error
    embedding = Embedding.from_dict(told, learned)
    if embedding.digest != digest:
        raise SpecError("an embedding's file does not fit its digest", expected=digest, got=embedding.digest)
    return embedding
