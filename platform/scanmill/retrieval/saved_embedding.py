"""The embedding of an index, in a file beside its manifest: what a query goes through to be asked."""

from __future__ import annotations

from pathlib import Path

from scanmill.algorithms.features import Embedding
from scanmill.algorithms.features.named import embedding_text, read_embedding
from scanmill.cohort import parquet
from scanmill.errors import SpecError
from scanmill.retrieval.manifest import RESTORE, Manifest

EMBEDDING = "embedding.json"


def save_embedding(folder: Path, embedding: Embedding) -> None:
    """Write it, with all that it has learned."""
    parquet.write_bytes(folder / EMBEDDING, embedding_text(embedding).encode())


def index_embedding(folder: Path, manifest: Manifest) -> Embedding:
    """The embedding whose vectors these are; SpecError where its file is gone, damaged or another one's."""
    path, where = folder / EMBEDDING, f"{folder.name}/{EMBEDDING}"
    if path.is_symlink() or not path.is_file():
        raise SpecError("the index does not tell its embedding", where=where, got="no such file", do=RESTORE)
    try:
        return read_embedding(path, manifest.digest)
    except SpecError as error:
        raise SpecError("the index's embedding cannot be read", where=where, got=error.what, do=RESTORE) from error


def embedding_problem(folder: Path, manifest: Manifest) -> str | None:
    """What is wrong with the file; None where it is sound, or the index was made of vectors from elsewhere."""
    if "parts" not in manifest.embedding:
        return None
    try:
        index_embedding(folder, manifest)
    except SpecError as error:
        return f"{EMBEDDING}: {error.got}"
    return None
