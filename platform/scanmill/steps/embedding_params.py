"""Which embedding a step uses, and of which planes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from scanmill.algorithms.features import Embedding
from scanmill.algorithms.features.named import embedding_of, read_embedding
from scanmill.errors import SpecError
from scanmill.steps.contract import Params


class EmbeddingParams(Params):
    """The embedding: by name, by description, or from a file whose digest the job states."""

    embedding: str | dict[str, Any] = Field(
        default="slice",
        description="slice, volume, slice region, volume region, a description, or the path of an embedding's file",
    )
    digest: str = Field(
        default="", pattern=r"^([0-9a-f]{12,64})?$", description="of the embedding; a path needs it (its beginning)"
    )
    every: int = Field(default=1, ge=1, le=10_000, description="of an embedding of planes: every n-th slice")

    @model_validator(mode="after")
    def _can_be_found(self) -> EmbeddingParams:
        try:
            if not self.is_file:
                self.found()
        except SpecError as error:
            raise ValueError(str(error)) from error
        if self.is_file and not self.digest:
            raise ValueError("the file of an embedding needs its `digest:` beside it (scanmill index info says it)")
        return self

    @property
    def is_file(self) -> bool:
        """Whether ``embedding`` is the path of a file."""
        return isinstance(self.embedding, str) and self.embedding.endswith(".json")

    def found(self) -> Embedding:
        """The embedding itself; SpecError where it is another than the digest says."""
        if self.is_file:
            return read_embedding(Path(str(self.embedding)), self.digest)
        embedding = embedding_of(self.embedding)
        if not embedding.digest.startswith(self.digest):
            raise SpecError("another embedding than the digest says", expected=self.digest, got=embedding.digest)
        return embedding
