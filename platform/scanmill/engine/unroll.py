"""``repeat: n`` unrolled: the stages of a block, n times, each time reading what the time before has made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scanmill.engine.job_text import Place
from scanmill.errors import SpecError

Flat = list[tuple[dict[str, Any], Place]]
REFERENCE = re.compile(r"\$\{([A-Za-z0-9_.-]+)\}")
MOST_REPEATS = 1000


def unroll(stages: Any) -> Flat:
    """A flat list of stages, each with its place in the file.

    Iteration i of a stage ``name`` is called ``name.i``. Inside the block ``${name}`` means this iteration's where
    ``name`` stands earlier in the block, else the last iteration's; in the first one, a stage of that name before the
    block. After the block it means the last iteration's.

    >>> block = {"repeat": 2, "stages": [{"name": "b", "from": "${a}"}, {"name": "a", "from": "${b}"}]}
    >>> [(stage["name"], stage.get("from")) for stage, _ in unroll([{"name": "a"}, block])]
    [('a', None), ('b.1', '${a}'), ('a.1', '${b.1}'), ('b.2', '${a.1}'), ('a.2', '${b.2}')]
    """
    flat: Flat = []
    _unroll(_listed(stages, "stages"), ("stages",), "", {}, flat)
    return flat


def _unroll(stages: Sequence[Any], place: Place, suffix: str, names: dict[str, str], flat: Flat) -> None:
    """``names`` maps what a reference may say to the stage that it means at this point."""
    for index, stage in enumerate(stages):
        if not isinstance(stage, Mapping):
            raise SpecError("a stage is a mapping", where="stages", got=type(stage).__name__)
        if "repeat" in stage:
            _repeat(stage, (*place, index), suffix, names, flat)
            continue
        unrolled = _renamed(dict(stage), names) if suffix or names else dict(stage)
        if isinstance(stage.get("name"), str):
            unrolled["name"] = stage["name"] + suffix
            names[stage["name"]] = unrolled["name"]
        flat.append((unrolled, (*place, index)))


def _repeat(block: Mapping[str, Any], place: Place, suffix: str, names: dict[str, str], flat: Flat) -> None:
    unknown = set(block) - {"repeat", "stages"}
    if unknown:
        raise SpecError("a repeated block has `repeat:` and `stages:` only", got=", ".join(sorted(map(str, unknown))))
    count = block["repeat"]
    if type(count) is not int or not 1 <= count <= MOST_REPEATS:
        raise SpecError("`repeat:` is a whole number", expected=f"1 to {MOST_REPEATS}", got=count)
    inner = _listed(block.get("stages"), "the stages of a repeated block")
    own = {stage["name"] for stage in inner if isinstance(stage, Mapping) and isinstance(stage.get("name"), str)}
    _check_first(inner, own, names)
    for iteration in range(1, count + 1):
        _unroll(inner, (*place, "stages"), f"{suffix}.{iteration}", names, flat)


def _check_first(inner: Sequence[Any], own: set[str], names: Mapping[str, str]) -> None:
    made: set[str] = set()
    for stage in inner:
        if not isinstance(stage, Mapping):
            continue
        for said in _references(stage):
            name = _stage_in(said, own)
            if name and name not in made and name not in names:
                raise SpecError(
                    f"the first time round there is no {name!r} to read",
                    where=f"stage {stage.get('name')}",
                    do=f"put a stage named {name!r} before the repeated block",
                )
        if isinstance(stage.get("name"), str):
            made.add(stage["name"])


def _references(stage: Mapping[str, Any]) -> list[str]:
    extra = stage.get("with")
    said = [stage.get("from"), *(extra.values() if isinstance(extra, Mapping) else ())]
    return [match[1] for text in said if isinstance(text, str) and (match := REFERENCE.fullmatch(text))]


def _renamed(stage: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(stage.get("from"), str):
        stage["from"] = _reworded(stage["from"], names)
    if isinstance(stage.get("with"), Mapping):
        stage["with"] = {
            name: _reworded(text, names) if isinstance(text, str) else text for name, text in stage["with"].items()
        }
    return stage


def _reworded(text: str, names: Mapping[str, str]) -> str:
    match = REFERENCE.fullmatch(text)
    name = _stage_in(match[1], names) if match else None
    return f"${{{names[name]}{match[1][len(name) :]}}}" if match and name else text


def _stage_in(said: str, names: Iterable[str]) -> str | None:
    """The longest known stage name at the head of ``name`` or ``name.output``."""
    return max((name for name in names if f"{said}.".startswith(f"{name}.")), key=len, default=None)


def _listed(value: Any, what: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise SpecError(f"{what}: a list of at least one stage is expected", got=type(value).__name__)
    return value
