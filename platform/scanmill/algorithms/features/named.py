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
from scanmill.algorithms.features.onnx_model import OnnxModel
from scanmill.algorithms.features.projection import Projection
from scanmill.errors import InputError, SpecError

LARGEST_TEXT = 2**28
"""A longer one is not looked into."""


def embedding_of(told: str | Mapping[str, Any]) -> Embedding:
    """The default of that name (:data:`scanmill.algorithms.features.default.DEFAULTS`), or the embedding described.

    >>> embedding_of("slice") == embedding_of(embedding_of("slice").to_dict())
    True
    """
    return default_embedding(told) if isinstance(told, str) else Embedding.from_dict(told)


def embedding_text(embedding: Embedding) -> str:
    """One JSON document with everything in it, projection and networks too; the same embedding gives the same text."""
    learned = None if embedding.projection is None else _packed(embedding.projection.to_bytes())
    networks = [
        {"onnx": _packed(one.content), "n_axes": one.n_axes, "mean": one.mean, "std": one.std}
        for one in dict.fromkeys(part.model for part in embedding.parts)
        if one is not None
    ]
    fields: dict[str, Any] = {"digest": embedding.digest, "embedding": embedding.to_dict(), "projection_npz": learned}
    fields |= {"networks": networks}
    return json.dumps(fields, indent=1, sort_keys=True) + "\n"


def read_embedding(path: Path, digest: str = "") -> Embedding:
    """The embedding in a file; SpecError where it is none, or not the one of ``digest``."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise SpecError("too large for an embedding", where=path.name, expected=f"at most {LARGEST_TEXT} bytes")
        embedding = embedding_from_text(path.read_text("utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        got = "no such file" if isinstance(error, FileNotFoundError) else type(error).__name__
        raise SpecError("a file of an embedding cannot be read", where=path.name, got=got) from error
    if digest and not embedding.digest.startswith(digest):
        raise SpecError("another embedding than is asked for", where=path.name, expected=digest[:12],
                        got=embedding.digest[:12])  # fmt: skip
    return embedding


def embedding_from_text(text: str, where: str | None = None) -> Embedding:
    """The inverse of :func:`embedding_text`; SpecError for another text, and for one that was changed by hand.

    Errors call its file ``where``.

    >>> embedding_from_text(embedding_text(embedding_of("slice"))) == embedding_of("slice")
    True
    """
    try:
        fields = json.loads(text)
        packed, told, digest = fields["projection_npz"], fields["embedding"], fields["digest"]
        learned = None if packed is None else Projection.from_bytes(base64.b64decode(packed, validate=True))
        networks = [_network(one) for one in fields["networks"]]
    except (ValueError, TypeError, KeyError, binascii.Error, InputError) as error:
        raise SpecError(
            "this is no file of an embedding", where=where, do="the step embedding.fit writes one"
        ) from error
    embedding = Embedding.from_dict(told, learned, networks)
    if embedding.digest != digest:
        raise SpecError("an embedding's file does not fit its digest", where=where, expected=str(digest)[:12],
                        got=embedding.digest[:12])  # fmt: skip
    return embedding


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _network(fields: Mapping[str, Any]) -> OnnxModel:
    content = base64.b64decode(fields["onnx"], validate=True)
    return OnnxModel(content, int(fields["n_axes"]), tuple(fields["mean"]), tuple(fields["std"]))
