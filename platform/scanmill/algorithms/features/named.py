"""Embeddings that need no learning, by name; and the text in which any embedding, learned or not, is kept."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanmill.algorithms.features.canonical import CanonicalGrid
from scanmill.algorithms.features.embedding import Embedding
from scanmill.algorithms.features.part import Part
from scanmill.algorithms.features.projection import Projection
from scanmill.errors import SpecError

DEFAULT = "slice"
LARGEST_TEXT = 2**28
"""A longer one is not looked into."""

_EVERYWHERE = (Part("patterns", power=0.5), Part("profile", power=0.5), Part("texture"), Part("statistics"))
EMBEDDINGS: Mapping[str, Embedding] = {
    # Planes of volumes, and pictures.
    "slice": Embedding(CanonicalGrid((96, 96), margin=0.25), (Part("hog"), *_EVERYWHERE)),
    # Whole volumes, and regions of them.
    "volume": Embedding(CanonicalGrid((32, 48, 48), margin=0.25), (Part("hog_3d"), *_EVERYWHERE)),
}
"""By the name that jobs and commands use."""


def embedding_of(told: str | Mapping[str, Any]) -> Embedding:
    """The embedding of a name of ``EMBEDDINGS`` or of a description (:meth:`Embedding.to_dict`).

    >>> embedding_of("slice").dimension
    985
    """
    if isinstance(told, str):
        if told not in EMBEDDINGS:
            raise SpecError("no embedding of this name", expected=", ".join(EMBEDDINGS), got=told)
        return EMBEDDINGS[told]
    return Embedding.from_dict(told)


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

    >>> embedding_from_text(embedding_text(EMBEDDINGS["slice"])) == EMBEDDINGS["slice"]
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
