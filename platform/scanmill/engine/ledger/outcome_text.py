"""Outcomes as JSON text: only what differs from an empty outcome is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from scanmill.engine.outcome import Artifact, Outcome

_EMPTY = Outcome()
_PLAIN = tuple(one.name for one in fields(Outcome) if one.name not in {"artifacts", "warnings"})
_KNOWN = frozenset(one.name for one in fields(Outcome))
_WORDS = ('"NaN"', 'Infinity"')
_DECODER = json.JSONDecoder()
_ARTIFACT = tuple(one.name for one in fields(Artifact))


def outcome_to_text(outcome: Outcome) -> str:
    """JSON that both databases keep as text; a NaN or infinity among the numbers becomes a word.

    >>> outcome_to_text(Outcome(metrics={"psnr_db": float("inf")}))
    '{"metrics":{"psnr_db":"Infinity"}}'
    """
    told: dict[str, Any] = {}
    for name in _PLAIN:
        value = getattr(outcome, name)
        if value != getattr(_EMPTY, name):
            told[name] = dict(value) if isinstance(value, Mapping) else value
    if outcome.artifacts:
        told["artifacts"] = [[getattr(one, name) for name in _ARTIFACT] for one in outcome.artifacts]
    if outcome.warnings:
        told["warnings"] = list(outcome.warnings)
    for name in ("metrics", "seconds"):
        if name in told:
            told[name] = {key: _number(value) for key, value in told[name].items()}
    return json.dumps(told, separators=(",", ":"), allow_nan=False, default=str)


def outcome_from_text(text: str) -> Outcome:
    """The inverse of `outcome_to_text`; names that this version does not know are passed over."""
    told = _DECODER.raw_decode(text)[0]
    if not told.keys() <= _KNOWN:
        told = {name: told[name] for name in _KNOWN if name in told}
    if any(word in text for word in _WORDS):
        for name in ("metrics", "seconds"):
            told[name] = {key: float(value) for key, value in told.get(name, {}).items()}
    if "artifacts" in told:
        told["artifacts"] = tuple([Artifact(*one) for one in told["artifacts"]])
    if "warnings" in told:
        told["warnings"] = tuple(told["warnings"])
    return Outcome(**told)


def _number(value: Any) -> float | str:
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
