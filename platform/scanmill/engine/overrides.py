"""``--set step.param=value``: a job's mapping with some values replaced, before anything is validated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

from scanmill.errors import SpecError

OF_JOB = ("name", "description", "seed", "tracking")
OF_STAGE = ("where", "timeout_s", "attempts", "workers", "cpus", "gpus", "fan_in", "breaker", "include_failed", "by")


@dataclass
class Spot:
    """A mapping whose entries can be set, under the names by which it can be called."""

    names: tuple[str, ...]
    mapping: dict[str, Any]
    keys: tuple[str, ...] | None = None


def apply_overrides(mapping: Mapping[str, Any], overrides: Iterable[str] | Mapping[str, Any]) -> dict[str, Any]:
    """A copy with ``["ct.reconstruct.iterations=50", "stage.ct.prepare.floor=2", "stage.attempts=1", "seed=7"]`` set.

    Values are YAML. Where a name fits several steps it must say which: ``stage.step``, or ``stage.step#2`` for the
    second one of a stage. SpecError for what cannot be found, with the nearest names.
    """
    job = deepcopy(dict(mapping))
    if isinstance(overrides, str):
        overrides = [overrides]
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(_split, overrides)
    for name, value in pairs:
        _set(job, name, value)
    return job


def _split(override: str) -> tuple[str, Any]:
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise SpecError("a setting is `step.param=value`", got=override)
    try:
        return name.strip(), yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpecError("the value of a setting is not YAML", where=name, got=text[:80]) from error


def _set(job: dict[str, Any], name: str, value: Any) -> None:
    found: list[tuple[str, dict[str, Any], list[str]]] = []
    spots = list(_spots(job))
    for spot in spots:
        for prefix in spot.names:
            rest = name.removeprefix(f"{prefix}.") if prefix else name
            keys = rest.split(".")
            if (rest != name or not prefix) and (spot.keys is None or keys[0] in spot.keys):
                found.append((spot.names[-1], spot.mapping, keys))
                break
    if not found:
        raise SpecError("there is nothing of this name to set", got=name, do=_advice(name, spots))
    if len(found) > 1:
        whole = ", ".join(f"{place}.{'.'.join(keys)}" for place, _, keys in found)
        raise SpecError("this name fits more than one step", got=name, do=f"say which: {whole}")
    _, target, keys = found[0]
    for key in keys[:-1]:
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            raise SpecError("this is not a mapping", got=name, where=key)
        target = inner
    target[keys[-1]] = value


def _spots(job: dict[str, Any]) -> Iterator[Spot]:
    yield Spot(("",), job, OF_JOB)
    for stage in _stages(job.get("stages")):
        name = str(stage.get("name", ""))
        yield Spot((name,), stage, OF_STAGE)
        yield from _step_spots(name, stage)


def _stages(stages: Any) -> Iterator[dict[str, Any]]:
    for stage in stages if isinstance(stages, list) else ():
        if isinstance(stage, dict):
            yield from _stages(stage.get("stages")) if "repeat" in stage else (stage,)


def _step_spots(stage_name: str, stage: dict[str, Any]) -> Iterator[Spot]:
    steps = stage.get("steps")
    if not isinstance(steps, list):
        return
    seen: dict[str, int] = {}
    for index, step in enumerate(steps):
        use, params = _opened(steps, index, step)
        seen[use] = seen.get(use, 0) + 1
        label = f"{use}#{seen[use]}"
        yield Spot((label, use, f"{stage_name}.{use}", f"{stage_name}.{label}"), params)


def _opened(steps: list[Any], index: int, step: Any) -> tuple[str, dict[str, Any]]:
    """The step in its long form, put in place, so that its parameters can be set."""
    if isinstance(step, dict) and "use" not in step and len(step) == 1:
        use, params = next(iter(step.items()))
        steps[index] = step = {"use": use, "params": params or {}}
    elif not isinstance(step, dict):
        steps[index] = step = {"use": step}
    if step.get("params") is None:
        step["params"] = {}
    params = step["params"]
    return str(step.get("use", "")), params if isinstance(params, dict) else {}


def _advice(name: str, spots: Sequence[Spot]) -> str:
    known = sorted({one for spot in spots for one in spot.names if one})
    near = get_close_matches(name.rpartition(".")[0], known, n=3, cutoff=0.4) or known[:8]
    return f"settings begin with a step, or a stage and a step: {', '.join(near)}"
