"""A query is asked of an index: which kinds of entries answer, how many are looked at, one answer a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scanmill.cli.answers import one_a_row, words_of
from scanmill.cli.open_index import OpenIndex
from scanmill.cli.query import Query

MOST_ASKED = 10_000
SPARE = 20
"""So many entries are asked for each answer at first, since a series may be found by many of its slices."""
LIKELY = {"region": ("region",), "slice": ("slice", "series"), "series": ("series",)}
"""A region asks regions, a slice slices, a volume series; a picture is found as either."""


@dataclass(frozen=True)
class Answered:
    """The answers to one query, best first; whether all shards were asked, and what is to be said of them."""

    lines: Sequence[Any]
    complete: bool
    notes: Sequence[str] = ()


def ask(
    index: OpenIndex,
    query: Query,
    k: int,
    *,
    where: str | None = None,
    kinds: Sequence[str] | None = None,
    patient: str | None = None,
    every: bool = False,
) -> Answered:
    """The k rows most like the query, each by its best entry (with ``every``, the k entries).

    Each line has the query's name and words for its region. Where the nearest entries are of too few rows, more of
    them are asked for, up to ``MOST_ASKED``.
    """
    wanted, notes = _kinds(index, query, kinds)
    most = k if every else min(MOST_ASKED, k * SPARE)
    while True:
        found = index.search(query.vector[None], most, where=where, exclude_patients=patient, kinds=wanted)
        nearest = found.table.to_pylist()
        lines = nearest[:k] if every else one_a_row(nearest, k)
        whole = len(nearest) < most
        if every or len(lines) == k or whole or most == MOST_ASKED:
            break
        most = min(MOST_ASKED, 4 * most)
    if len(lines) < k:
        notes.append(_too_few(lines, k, len(index), whole=whole or every))
    lines = [{**line, "query": query.name, "shows": words_of(line)} for line in lines]
    return Answered(lines, found.complete, notes)


def _kinds(index: OpenIndex, query: Query, kinds: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Which kinds of entries answer; where an index has nothing of what suits the query, everything, and that is
    said."""
    if kinds:
        return list(kinds), []
    there = index.kinds()
    chosen = [kind for kind in LIKELY[query.kind] if kind in there]
    if chosen or not there:
        return chosen, []
    what = {"region": "regions", "slice": "slices", "series": "series"}
    return list(there), [
        f"the index has no {what[query.kind]}: its {' and '.join(map(what.__getitem__, there))} answer"
    ]


def _too_few(lines: Sequence[Any], k: int, n: int, *, whole: bool) -> str:
    if whole:
        return f"{len(lines)} of {k:,} answers: the index has no more that may answer (of {n:,} entries)"
    return f"{len(lines)} of {k:,} answers: the {MOST_ASKED:,} nearest entries are of no more rows"
