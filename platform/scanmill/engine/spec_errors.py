"""Pydantic's complaints in one sentence for people: where, what, and what may have been meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scanmill.engine.job_text import Place, line_of
from scanmill.errors import SpecError


def spec_error(
    error: ValidationError, where: str, lines: Mapping[Place, int], places: Sequence[Place], model: type[BaseModel]
) -> SpecError:
    """The first complaint about a job, with its line; ``places`` are the stages' places in the file."""
    details = error.errors(include_url=False)[0]
    place = tuple(part for part in details["loc"] if not _is_branch(part))
    line = line_of(_in_file(place, places), lines)
    spot = f"{where}, line {line}" if line else where
    known = sorted(set(_names(model))) if details["type"] == "extra_forbidden" else ()
    return _sentence(details, ".".join(map(str, place)) or "the job", spot, known)


def parameter_error(error: ValidationError, use: str, params: type[BaseModel]) -> SpecError:
    """The first complaint about a step's parameters."""
    details = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in details["loc"] if not _is_branch(part)) or "its parameters"
    known = sorted(_names(params)) if details["type"] == "extra_forbidden" else ()
    return _sentence(details, f"parameter {name} of step {use}", None, known)


def _sentence(details: ErrorDetails, subject: str, spot: str | None, known: Sequence[str]) -> SpecError:
    if details["type"] == "extra_forbidden":
        last = str(details["loc"][-1])
        near = get_close_matches(last, known, n=3) or list(known)[:12]
        advice = f"did you mean {', '.join(near)}?" if near else "there is nothing to set here"
        return SpecError(f"unknown {subject}", where=spot, do=advice)
    if details["type"] == "missing":
        return SpecError(f"{subject} is missing", where=spot)
    said = details["msg"].removeprefix("Value error, ")
    got = details["input"]
    shown = None if isinstance(got, Mapping | list | tuple) else repr(got)[:80]
    return SpecError(f"{subject}: {said[:1].lower()}{said[1:]}", where=spot, got=shown)


def _in_file(place: Place, places: Sequence[Place]) -> Place:
    if len(place) >= 2 and place[0] == "stages" and isinstance(place[1], int) and place[1] < len(places):
        return (*places[place[1]], *place[2:])
    return place


def _is_branch(part: Any) -> bool:
    """Pydantic names the branch of a union or a validator in the location; no key of a job looks like that."""
    return isinstance(part, str) and ("[" in part or "-" in part)


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, one in model.model_fields.items():
        yield one.alias or name
        for inner in _models(one.annotation):
            yield from _names(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
