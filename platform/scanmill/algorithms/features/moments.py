"""What a cohort of vectors leaves behind to learn from: counts, means and scatter, which merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

LARGEST_DIMENSION = 4096
"""The scatter has the square of it as its size: 128 MiB."""


@dataclass(frozen=True, eq=False)
class CohortMoments:
    """Counts (class,), means (class, d) and the scatter (d, d) within the classes, float64, of vectors of length d.

    ``classes`` are sorted words; a cohort without labels has the one class "". ``source`` is the digest of the
    embedding that made the vectors. Two moments merge as if all vectors had been there at once (T. F. Chan,
    G. H. Golub, R. J. LeVeque, 1979), in any order and grouping within rounding. The mean of a class of one vector
    is that vector: keep partials as carefully as vectors.

    >>> x = np.array([[0.0, 1.0], [2.0, 1.0], [7.0, 4.0]])
    >>> both = CohortMoments.of(x[:1]).merged(CohortMoments.of(x[1:]))
    >>> both.counts.tolist(), both.means.tolist(), both.scatter.tolist()
    ([3], [[3.0, 2.0]], [[26.0, 12.0], [12.0, 6.0]])
    """

    classes: tuple[str, ...]
    counts: HostArray
    means: HostArray
    scatter: HostArray
    source: str = ""

    def __post_init__(self) -> None:
        n, d = len(self.classes), self.scatter.shape[-1]
        if self.counts.shape != (n,) or self.means.shape != (n, d) or self.scatter.shape != (d, d) or not n:
            raise InputError("moments do not fit together", got=(n, self.means.shape, self.scatter.shape))
        if list(self.classes) != sorted(set(self.classes)) or (self.counts < 1).any():
            raise InputError("moments need different, sorted classes with 1 vector or more", got=self.counts.tolist())

    @classmethod
    def of(cls, vectors: HostArray, labels: Sequence[str] | None = None, *, source: str = "") -> CohortMoments:
        """The moments of vectors (n, d) or of one (d,), each with its label where they have any."""
        x = np.atleast_2d(np.asarray(vectors, dtype=np.float64))
        words = np.asarray([""] * len(x) if labels is None else [str(label) for label in labels])
        if x.ndim != 2 or len(words) != len(x) or not x.size or not np.isfinite(x).all():
            raise InputError("moments need finite vectors (n, d) and a label for each", got=(x.shape, len(words)))
        if x.shape[1] > LARGEST_DIMENSION:
            raise InputError("too long for a scatter matrix", expected=f"at most {LARGEST_DIMENSION}", got=x.shape[1])
        classes = tuple(sorted(set(words.tolist())))
        means = np.stack([x[words == word].mean(axis=0) for word in classes])
        centred = x - means[np.searchsorted(classes, words)]
        counts = np.array([(words == word).sum() for word in classes], dtype=np.int64)
        return cls(classes, counts, means, centred.T @ centred, source)

    def merged(self, other: CohortMoments) -> CohortMoments:
        """The moments of both cohorts together; InputError where their vectors come from different embeddings."""
        if self.source != other.source or self.dimension != other.dimension:
            raise InputError(
                "moments of different embeddings do not merge", expected=self.dimension, got=other.dimension
            )
        classes = tuple(sorted({*self.classes, *other.classes}))
        (n, a), (m, b) = (moments._spread(classes) for moments in (self, other))
        apart = b - a
        shared = n * m / (n + m)
        means = (n[:, None] * a + m[:, None] * b) / (n + m)[:, None]
        scatter = self.scatter + other.scatter + (apart * shared[:, None]).T @ apart
        return CohortMoments(classes, n + m, means, scatter, self.source)

    def _spread(self, classes: tuple[str, ...]) -> tuple[HostArray, HostArray]:
        """Counts and means over more classes than these; those that are not here have none."""
        counts, means = np.zeros(len(classes), np.int64), np.zeros((len(classes), self.dimension))
        here = np.searchsorted(classes, self.classes)
        counts[here], means[here] = self.counts, self.means
        return counts, means

    @property
    def dimension(self) -> int:
        """The length of the vectors."""
        return int(self.scatter.shape[0])

    @property
    def mean(self) -> HostArray:
        """The mean of all vectors."""
        return np.asarray(self.counts @ self.means / self.counts.sum())

    @property
    def scatter_between(self) -> HostArray:
        """Σ n (class mean − mean)(class mean − mean)ᵀ; with ``scatter`` it adds up to that of all vectors."""
        centred = self.means - self.mean
        return np.asarray((centred * self.counts[:, None]).T @ centred)

    def to_arrays(self) -> dict[str, HostArray]:
        """Plain arrays, as the partial of a reduction is kept."""
        words = {"classes": np.array(self.classes), "source": np.array(self.source)}
        return {**words, "counts": self.counts, "means": self.means, "scatter": self.scatter}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, HostArray]) -> CohortMoments:
        """The inverse of :meth:`to_arrays`; InputError where one is missing."""
        missing = {"classes", "source", "counts", "means", "scatter"} - set(arrays)
        if missing:
            raise InputError("these are no moments", expected=sorted(missing), got=sorted(arrays))
        classes = tuple(str(word) for word in arrays["classes"])
        return cls(classes, arrays["counts"], arrays["means"], arrays["scatter"], str(arrays["source"]))
