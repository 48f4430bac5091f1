"""Whether the values of a stage fit: every port that is read has been written, or is a role of the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from scanmill.steps.contract import Phase, Port, Step
from scanmill.steps.table import find_step

if TYPE_CHECKING:
    from scanmill.engine.spec import StageSpec, StepSpec

ANY = "any"
ORDER: tuple[Phase, ...] = ("read", "compute", "write")


def wiring_errors(stage: StageSpec, roles: Mapping[str, str] | Iterable[str] | None = None) -> list[str]:
    """Sentences about what does not fit; an empty list when all does.

    ``roles`` are what reading a row yields, with their kinds where a mapping tells them. None: not known yet, so a
    name that no step writes may be a role.
    """
    values = dict(roles) if isinstance(roles, Mapping) else dict.fromkeys(roles or (), ANY)
    values |= dict.fromkeys(stage.extra, ANY)
    problems = _order(stage)
    for spec in stage.steps:
        step = find_step(spec.use)
        problems += _unknown_ports(spec, step)
        for port_name, port in step.reads.items():
            problems += _read(spec, port_name, port, values, closed=roles is not None)
        values |= {spec.out.get(name, name): port.kind for name, port in step.writes.items()}
    return problems + _reduction(stage) + _saved_twice(stage)


def saved_outputs(stage: StageSpec) -> frozenset[str] | None:
    """The names of what a stage saves, which are the roles of its results; None where a step does not tell."""
    names = set()
    for spec in stage.steps:
        if find_step(spec.use).phase == "write":
            name = getattr(spec.resolved(), "output", None)
            if not isinstance(name, str):
                return None
            names.add(name)
    return frozenset(names)


def _saved_twice(stage: StageSpec) -> list[str]:
    """The second file would take the place of the first."""
    saving = [spec.resolved() for spec in stage.steps if find_step(spec.use).phase == "write"]
    names = Counter(name for one in saving if isinstance(name := getattr(one, "output", None), str))
    return [f"two steps save {name!r}: give one another `output:`" for name, count in names.items() if count > 1]


def _order(stage: StageSpec) -> list[str]:
    phases = [ORDER.index(find_step(spec.use).phase) for spec in stage.steps]
    return [] if phases == sorted(phases) else ["steps out of order: first those that read, last those that write"]


def _unknown_ports(spec: StepSpec, step: Step) -> list[str]:
    problems = []
    for word, told, ports in (("in", spec.into, step.reads), ("out", spec.out, step.writes)):
        for name in told:
            if name not in ports:
                near = get_close_matches(name, ports, n=3) or list(ports) or ["none"]
                problems.append(f"{spec.use} has no port {name!r} for `{word}:` (it has {', '.join(near)})")
    return problems


def _read(spec: StepSpec, port_name: str, port: Port, values: Mapping[str, str], *, closed: bool) -> list[str]:
    name = spec.into.get(port_name, port_name)
    if name not in values:
        if not closed or (port.optional and port_name not in spec.into):
            return []
        there = ", ".join(get_close_matches(name, values, n=3) or sorted(values)) or "nothing"
        return [f"{spec.use} reads {name!r} ({port.kind}), which nothing writes (there is {there})"]
    kind = values[name]
    if ANY in {kind, port.kind} or kind == port.kind:
        return []
    return [f"{spec.use} reads {name!r} as {port.kind}, but it is {kind}"]


def _reduction(stage: StageSpec) -> list[str]:
    reducing = [spec.use for spec in stage.steps if find_step(spec.use).reduction is not None]
    if stage.kind == "reduce" and len(reducing) != 1:
        return [f"a reduce stage has exactly one step that reduces, this one has {len(reducing)}"]
    if stage.kind != "reduce" and reducing:
        return [f"{reducing[0]} reduces a whole cohort: it needs `kind: reduce`"]
    return []
