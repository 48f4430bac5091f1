"""File patterns with named fields: ``{specimen}_{part}.mat``.

A card is an upload, so it brings no regular expressions of its own: they can be made to run for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from scanmill.errors import SpecError

MAX_WILDCARDS = 3
"""Wildcards and fields in one part of a path; more would make matching slow on hostile names."""

Field_ = Literal["text", "int"] | tuple[Annotated[str, Field(max_length=100)], ...]
"""What a field may be: any ``text`` without a slash, an ``int``, or one of a list of words."""


def check_pattern(pattern: str) -> str:
    """The pattern itself, if it stays under the folder it is used in and can be matched in bounded time."""
    parts = pattern.split("/")
    if not pattern or pattern.startswith("/") or ".." in parts or "\\" in pattern:
        raise ValueError("a file pattern is a relative path without `..`")
    for part in parts:
        if part != "**" and part.count("*") + part.count("{") > MAX_WILDCARDS:
            raise ValueError(f"at most {MAX_WILDCARDS} fields or wildcards in one part of a path")
    return pattern


Pattern = Annotated[str, Field(max_length=400), AfterValidator(check_pattern)]
"""A relative path with ``*``, ``?``, ``**/`` and ``{field}``."""


def fields_of(pattern: str) -> list[str]:
    """The names of the fields in a pattern or text.

    >>> fields_of("{specimen}_{part}.mat")
    ['specimen', 'part']
    """
    try:
        return [name for _, name, _, _ in Formatter().parse(pattern) if name is not None]
    except ValueError as error:
        raise SpecError("braces do not match", got=pattern) from error


def match(pattern: str, relative_path: str, kinds: Mapping[str, Field_]) -> dict[str, str | int] | None:
    """The fields of ``relative_path`` by the pattern, or None where it does not fit.

    >>> match("**/{specimen}_{part}.mat", "a/b/tb_30.mat", {"specimen": ("ta", "tb"), "part": "int"})
    {'specimen': 'tb', 'part': 30}
    """
    found: dict[str, str | int] = {}
    return found if _match_parts(pattern.split("/"), relative_path.split("/"), kinds, found) else None


def _match_parts(
    pattern: Sequence[str], parts: Sequence[str], kinds: Mapping[str, Field_], found: dict[str, str | int]
) -> bool:
    if pattern and pattern[0] == "**":
        keep = len(pattern) - 1  # one ** only: what follows it is matched against the end of the path
        return len(parts) >= keep and _match_parts(pattern[1:], parts[len(parts) - keep :], kinds, found)
    if not pattern or not parts:
        return not pattern and not parts
    hit = re.fullmatch(_expression(pattern[0], kinds), parts[0])
    if hit is None:
        return False
    for name, text in hit.groupdict().items():
        value = int(text) if kinds.get(name) == "int" else text
        if found.setdefault(name, value) != value:
            return False
    return _match_parts(pattern[1:], parts[1:], kinds, found)


def _expression(part: str, kinds: Mapping[str, Field_]) -> str:
    pieces, seen = [], set()
    for piece in re.split(r"(\{\w+\}|\*|\?)", part):
        name = piece[1:-1] if piece.startswith("{") else ""
        if name in seen:
            pieces.append(f"(?P={name})")
        elif name:
            seen.add(name)
            pieces.append(f"(?P<{name}>{_field_expression(kinds.get(name, 'text'))})")
        else:
            pieces.append({"*": ".*?", "?": "."}.get(piece, re.escape(piece)))
    return "".join(pieces)


def _field_expression(kind: Field_) -> str:
    if isinstance(kind, tuple):
        return "|".join(re.escape(word) for word in sorted(kind, key=len, reverse=True))
    return r"\d{1,18}" if kind == "int" else ".+?"


def fill(text: str, fields: Mapping[str, str | int]) -> str:
    """``text`` with its fields put in; plain replacement, so that a field's value cannot format anything.

    >>> fill("{specimen}-{part}", {"specimen": "tb", "part": 30})
    'tb-30'
    """
    return re.sub(r"\{(\w+)\}", lambda hit: str(fields.get(hit[1], hit[0])), text)
