"""Whether the images most alike show the same, asked of many images and answered by other patients'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanmill.algorithms.retrieval.bootstrap import Interval, bootstrap_interval
from scanmill.algorithms.retrieval.chance import measures_by_chance
from scanmill.algorithms.retrieval.measures import KS, measures_of
from scanmill.algorithms.retrieval.ranking import ranked
from scanmill.arrays import HostArray
from scanmill.errors import InputError

N_AT_ONCE = 256
"""Queries whose likeness to all images is held at one time."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One number a query: ``measures`` by name (n,), and the same of a random and of a modality-only order.

    ``labels``, ``patients`` and ``found`` (n,) are the query's label, its patient and the label of its first answer;
    ``n_unanswerable`` queries had no image of their label among other patients' and are not among the n.
    ``by_modality`` is empty where no modality was given. Nothing here says anything about a clinical use.
    """

    measures: dict[str, HostArray]
    by_chance: dict[str, HostArray]
    by_modality: dict[str, HostArray]
    labels: HostArray
    patients: HostArray
    found: HostArray
    n_unanswerable: int

    def interval(
        self, measure: str, values: dict[str, HostArray] | None = None, *, n_resamples: int = 2000, seed: int = 0
    ) -> Interval:
        """The mean of a measure (of ``by_chance`` or ``by_modality`` if given) with its 95 % interval over patients."""
        chosen = self.measures if values is None else values
        if measure not in chosen:
            raise InputError("unknown measure", expected=", ".join(chosen), got=measure)
        return bootstrap_interval(chosen[measure], self.patients, n_resamples=n_resamples, seed=seed)

    def means(self) -> dict[str, float]:
        """The mean of every measure; that of ``average_precision`` is what is called mAP."""
        return {name: float(values.mean()) for name, values in self.measures.items()}

    def confusion(self) -> tuple[tuple[str, ...], HostArray]:
        """All labels in order, and how often a query of the row's label had a first answer of the column's."""
        words = np.unique(np.concatenate([self.labels, self.found]))
        counts = np.zeros((len(words), len(words)), dtype=np.int64)
        np.add.at(counts, (np.searchsorted(words, self.labels), np.searchsorted(words, self.found)), 1)
        return tuple(str(word) for word in words), counts


def evaluate(
    vectors: HostArray,
    labels: Sequence[Any] | HostArray,
    patients: Sequence[Any] | HostArray,
    *,
    modalities: Sequence[Any] | HostArray | None = None,
    asked: Sequence[int] | HostArray | None = None,
    ks: Sequence[int] = KS,
) -> Evaluation:
    """Ask with vectors (n, d) of length 1, all of them or those whose numbers are in ``asked``; all others answer.

    Likeness is the inner product. Images of the asker's patient never answer, itself included. ``labels`` (n,) say
    what an image shows. Raises InputError where shapes differ and where no query can be answered.

    >>> x = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, -0.8]])
    >>> found = evaluate(x, ["a", "a", "b", "b"], ["p", "q", "r", "s"], ks=(1,))
    >>> found.means()["precision_at_1"], found.confusion()[1].tolist()
    (0.5, [[2, 0], [2, 0]])
    """
    x, numbers = np.asarray(vectors), np.arange(len(vectors)) if asked is None else np.asarray(asked)
    if x.ndim != 2 or numbers.ndim != 1 or not len(numbers):
        raise InputError("an evaluation needs vectors (n, d) and queries among them", got=(x.shape, numbers.shape))
    images = _Images.of(labels, patients, modalities, n=len(x))
    queries: list[_Answered | None] = []
    for start in range(0, len(numbers), N_AT_ONCE):
        some = numbers[start : start + N_AT_ONCE]
        queries += _answers(x[some] @ x.T, images.chosen(some), images, ks)
    return _gathered(queries)


def evaluate_likeness(
    likeness: HostArray,
    query_labels: Sequence[Any] | HostArray,
    query_patients: Sequence[Any] | HostArray,
    labels: Sequence[Any] | HostArray,
    patients: Sequence[Any] | HostArray,
    *,
    ks: Sequence[int] = KS,
) -> Evaluation:
    """The same for any ``likeness`` (query, image) that grows with likeness: a re-ranked list, regions, other features.

    >>> found = evaluate_likeness(np.array([[0.1, 0.7]]), ["a"], ["p"], ["a", "b"], ["q", "r"], ks=(1, 2))
    >>> found.means()["average_precision"]
    0.5
    """
    values = np.asarray(likeness)
    if values.ndim != 2:
        raise InputError("likeness has two axes", expected="(query, image)", got=values.shape)
    queries = _Images.of(query_labels, query_patients, n=len(values))
    return _gathered(_answers(values, queries, _Images.of(labels, patients, n=values.shape[1]), ks))


@dataclass(frozen=True, eq=False)
class _Images:
    """What is known of images: label, patient and, perhaps, modality."""

    labels: HostArray
    patients: HostArray
    modalities: HostArray | None

    @classmethod
    def of(cls, labels: Any, patients: Any, modalities: Any = None, *, n: int) -> _Images:
        words = [None if w is None else np.asarray(w) for w in (labels, patients, modalities)]
        shapes = [w.shape for w in words if w is not None]
        if any(shape != (n,) for shape in shapes) or words[0] is None or words[1] is None:
            raise InputError("images, labels and patients differ in number", expected=n, got=shapes)
        return cls(words[0], words[1], words[2])

    def chosen(self, some: HostArray) -> _Images:
        kinds = None if self.modalities is None else self.modalities[some]
        return _Images(self.labels[some], self.patients[some], kinds)


@dataclass(frozen=True, eq=False)
class _Answered:
    label: Any
    patient: Any
    found: Any
    measures: dict[str, float]
    by_chance: dict[str, float]
    by_modality: dict[str, float]


def _answers(likeness: HostArray, queries: _Images, images: _Images, ks: Sequence[int]) -> Iterator[_Answered | None]:
    """What each query gets; None for one that no other patient's image can answer."""
    for row, (label, patient) in enumerate(zip(queries.labels, queries.patients, strict=True)):
        order = ranked(likeness[row], images.patients != patient)
        hits = images.labels[order] == label
        if not hits.any():
            yield None
            continue
        by_modality = {}
        if images.modalities is not None and queries.modalities is not None:
            by_modality = measures_by_chance(hits, images.modalities[order] == queries.modalities[row], ks)
        first = images.labels[order[0]]
        yield _Answered(label, patient, first, measures_of(hits, ks), measures_by_chance(hits, None, ks), by_modality)


def _gathered(queries: Iterable[_Answered | None]) -> Evaluation:
    every = list(queries)
    answered = [query for query in every if query is not None]
    if not answered:
        raise InputError("no query has an image of its label from another patient", got=f"{len(every)} queries")
    return Evaluation(
        _columns([query.measures for query in answered]),
        _columns([query.by_chance for query in answered]),
        _columns([query.by_modality for query in answered]),
        np.array([query.label for query in answered]),
        np.array([query.patient for query in answered]),
        np.array([query.found for query in answered]),
        len(every) - len(answered),
    )


def _columns(rows: Sequence[dict[str, float]]) -> dict[str, HostArray]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
