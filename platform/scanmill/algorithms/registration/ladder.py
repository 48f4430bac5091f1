"""Registration that judges itself and tries again: from another start, then by another measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from scanmill.algorithms.registration.registration import Registration
from scanmill.errors import SpecError


@dataclass(frozen=True)
class Rung:
    """One try: its words for the report, and what does it."""

    name: str
    register: Callable[[], Registration]


def climbed_ladder(rungs: list[Rung]) -> Registration:
    """The first of the tries that can be trusted; if none can, the least doubted one with all their reasons.

    ``note`` of its quality tells what was tried before and why that was not enough. A try that a SpecError refuses,
    for a contrast that its measure does not suit, is passed over like a doubted one; an InputError is the images' own
    fault and ends the climb. Raises the last SpecError where every try was refused.
    """
    told: list[str] = []
    best: Registration | None = None
    refused = SpecError("there is nothing to try")
    for rung in rungs:
        try:
            found = rung.register()
        except SpecError as refusal:
            told.append(f"{rung.name}: refused, {refusal}")
            refused = refusal
            continue
        if found.quality.converged:
            return _noted(found, told)
        told.append(f"{rung.name}: {found.quality.reason}")
        best = found if best is None or _less_doubted(found, best) else best
    if best is None:
        raise refused
    return _noted(best, told)


def _less_doubted(one: Registration, other: Registration) -> bool:
    """By the number of reasons; of equal ones the earlier stays."""
    return one.quality.reason.count(";") < other.quality.reason.count(";")


def _noted(found: Registration, told: list[str]) -> Registration:
    parts = [part for part in (found.quality.note, *told) if part]
    return replace(found, quality=replace(found.quality, note="; ".join(parts)))
