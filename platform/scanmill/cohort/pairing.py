"""Which row goes with which: partners by equal values, and by name every row that has none or several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pyarrow as pa

Place = int
"""The number of a row in its table."""


@dataclass(frozen=True)
class Pairing:
    """Pairs (fixed, moving) by row number, and for each row that found no partner of its own, why."""

    pairs: tuple[tuple[Place, Place], ...]
    alone: tuple[tuple[Place, str], ...]


def partners(
    table: pa.Table, fixed: Sequence[Place], moving: Sequence[Place], by: Sequence[str], *, each: bool
) -> Pairing:
    """Pair rows of ``fixed`` with those of ``moving`` that agree in the columns ``by``; none is its own partner.

    With ``each``, several partners give a pair each; without, rows with several are left alone: nobody says which.

    >>> table = pa.table({"patient_key": ["p", "p", "q"]})
    >>> partners(table, [0], [1, 2], ["patient_key"], each=False)
    Pairing(pairs=((0, 1),), alone=((2, 'no partner'),))
    """
    values = list(zip(*(table[name].to_pylist() for name in by), strict=True))
    sides = _groups(values, fixed), _groups(values, moving)
    found = [(place, _others(sides[1], values[place], place)) for place in fixed]
    found += [(place, _others(sides[0], values[place], place)) for place in moving]
    alone: dict[Place, str] = {}
    for place, others in found:
        if why := _why(values[place], by, others, each=each):
            alone.setdefault(place, why)
    pairs = {(a, b) for b in moving for a in _others(sides[0], values[b], b) if not {a, b} & set(alone)}
    lost = {*fixed, *moving} - {place for pair in pairs for place in pair} - set(alone)
    alone |= dict.fromkeys(lost, "its partner has several")
    return Pairing(tuple(sorted(pairs)), tuple(sorted(alone.items())))


def _groups(values: Sequence[tuple[Hashable, ...]], places: Sequence[Place]) -> dict[tuple[Hashable, ...], list[Place]]:
    groups: dict[tuple[Hashable, ...], list[Place]] = defaultdict(list)
    for place in places:
        if None not in values[place]:
            groups[values[place]].append(place)
    return groups


def _others(groups: dict[tuple[Hashable, ...], list[Place]], value: tuple[Hashable, ...], place: Place) -> list[Place]:
    return [other for other in groups.get(value, ()) if other != place]


def _why(value: tuple[Hashable, ...], by: Sequence[str], others: Sequence[Place], *, each: bool) -> str:
    if None in value:
        return f"no {by[value.index(None)]}"
    if not others:
        return "no partner"
    return "" if each or len(others) == 1 else f"{len(others)} partners"
