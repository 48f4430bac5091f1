"""A learned, frozen map of vectors to vectors: y = matrix (x − mean)."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

LARGEST_BYTES = 2**30
"""A file that claims more is not opened."""


@dataclass(frozen=True, eq=False)
class Projection:
    """y = ``matrix`` (k, d) (x − ``mean`` (d,)), float64; ``kind`` says how it was learned ("pca", "lda", ...).

    ``values`` (k,) are the variances or ratios that belong to the rows, ``source`` is the digest of the embedding
    whose vectors it was learned on, ``n_learned`` the number of them. It holds nothing of a single row.

    >>> shift = Projection("whitening", np.array([1.0, 2.0]), np.eye(2), np.ones(2))
    >>> shift(np.array([3.0, 3.0])).tolist()
    [2.0, 1.0]
    >>> Projection.from_bytes(shift.to_bytes()).digest == shift.digest
    True
    """

    kind: str
    mean: HostArray
    matrix: HostArray
    values: HostArray
    source: str = ""
    n_learned: int = 0

    def __post_init__(self) -> None:
        k, d = self.matrix.shape if self.matrix.ndim == 2 else (0, 0)
        numbers = (self.mean, self.matrix, self.values)
        if not k or self.mean.shape != (d,) or self.values.shape != (k,):
            raise InputError("a projection does not fit together", got=[a.shape for a in numbers])
        if any(a.dtype != np.float64 or not np.isfinite(a).all() for a in numbers):
            raise InputError("a projection needs finite float64 numbers")

    def __call__(self, vectors: HostArray) -> HostArray:
        """The images of vectors (..., d), (..., k) in float64; sums run in a fixed order, whatever the threads."""
        if vectors.shape[-1] != len(self.mean):
            raise InputError("vector and projection differ in length", expected=len(self.mean), got=vectors.shape)
        centred = np.asarray(vectors, dtype=np.float64) - self.mean
        return np.asarray(np.einsum("kd,...d->...k", self.matrix, centred))

    @property
    def dimension(self) -> int:
        """The length of what comes out."""
        return int(self.matrix.shape[0])

    @property
    def digest(self) -> str:
        """The SHA-256 of the kind, the source and every number."""
        total = hashlib.sha256(repr((self.kind, self.source, self.n_learned)).encode())
        for array in (self.mean, self.matrix, self.values):
            total.update(repr(array.shape).encode())
            total.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return total.hexdigest()

    def to_bytes(self) -> bytes:
        """The content of an npz file, the same bytes each time."""
        file = io.BytesIO()
        words = {"kind": np.array(self.kind), "source": np.array(self.source), "n_learned": np.array(self.n_learned)}
        arrays = {"mean": self.mean, "matrix": self.matrix, "values": self.values, "digest": np.array(self.digest)}
        np.savez(file, allow_pickle=False, **words, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Projection:
        """The inverse of :meth:`to_bytes`, without pickle; InputError for anything else or another digest."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as members:
                if sum(member.file_size for member in members.infolist()) > LARGEST_BYTES:
                    raise InputError("a projection's file claims too much", expected=f"under {LARGEST_BYTES} bytes")
            with np.load(io.BytesIO(content), allow_pickle=False) as a:
                words = (str(a["kind"]), str(a["source"]), int(a["n_learned"]), str(a["digest"]))
                kind, source, n_learned, digest = words
                projection = cls(kind, a["mean"], a["matrix"], a["values"], source, n_learned)
        except (ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise InputError("this is no saved projection") from error
        if projection.digest != digest:
            raise InputError("a saved projection is damaged", expected=digest, got=projection.digest)
        return projection
