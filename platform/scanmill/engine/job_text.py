"""The text of a job file as plain values, with the line on which each one stands; bounded, and safe to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scanmill.errors import SpecError

LARGEST_BYTES = 1 << 20
MOST_VALUES = 50_000
Place = tuple[str | int, ...]


def read_text(path: Path) -> str:
    """The file's text; SpecError when it is absent, too large or no text."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError("a job file is text in UTF-8", where=path.name) from error
    except OSError as error:
        raise SpecError("the job file cannot be read", where=path.name, got=error.strerror) from error
    if len(content) > LARGEST_BYTES:
        raise SpecError("the job file is too large", where=path.name, expected=f"at most {LARGEST_BYTES} bytes")
    return text


def parse_yaml(text: str, where: str) -> tuple[dict[str, Any], dict[Place, int]]:
    """The mapping in a YAML text and the line of each of its values; keys given twice and YAML bombs are refused."""
    if len(text) > LARGEST_BYTES:
        raise SpecError("the text is too large", where=where, expected=f"at most {LARGEST_BYTES} characters")
    lines: dict[Place, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _walk(node, (), lines, where)
        values = yaml.safe_load(text)
    except RecursionError as error:
        raise SpecError("the values are nested too deeply", where=where) from error
    except yaml.YAMLError as error:
        raise SpecError("this is not YAML", where=_where(where, error), got=getattr(error, "problem", None)) from error
    except ValueError as error:
        raise SpecError("this is not YAML", where=where, got=str(error)) from error
    if not isinstance(values, dict):
        raise SpecError("a mapping is expected", where=where, got=type(values).__name__)
    return values, lines


def line_of(place: Place, lines: Mapping[Place, int]) -> int | None:
    """The line of a value, or of the nearest thing around it."""
    for end in range(len(place), -1, -1):
        if place[:end] in lines:
            return lines[place[:end]]
    return None


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int], where: str) -> None:
    if len(lines) >= MOST_VALUES:
        raise SpecError("too many values", where=where, expected=f"at most {MOST_VALUES}, aliases unfolded")
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name in seen and name != "<<":
                raise SpecError(f"{name!r} is given twice", where=f"{where}, line {key.start_mark.line + 1}")
            seen.add(name)
            _walk(value, (*place, name), lines, where)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*place, index), lines, where)


def _where(where: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{where}, line {mark.line + 1}" if mark else where
