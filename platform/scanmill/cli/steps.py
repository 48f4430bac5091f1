"""`scanmill steps`: what a job can ask for."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from scanmill.cli.shell import AsJson, print_json, print_table, say
from scanmill.steps.contract import Port, Step


def steps(
    name: Annotated[str | None, typer.Argument(help="A step, to see its parameters.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the steps a job can ask for, or one of them with its parameters.

    Example: [bold]scanmill steps ct.reconstruct[/bold]
    """
    from scanmill.steps.table import find_step, step_paths

    found = [find_step(one) for one in ([name] if name else sorted(step_paths()))]
    if as_json:
        print_json([describe(step) for step in found])
    elif name:
        _show(found[0])
    else:
        print_table("", ("step", "what it does", "reads", "writes"), [_line(step) for step in found])
        say("[dim]? may be absent   … several[/dim]")
        say("Next: scanmill steps NAME   shows a step's parameters")


def describe(step: Step) -> dict[str, Any]:
    """A step as plain values: what the API and the web form are made of."""
    ports = {
        side: {n: {"kind": p.kind, "optional": p.optional, "many": p.many} for n, p in getattr(step, side).items()}
        for side in ("reads", "writes")
    }
    schema = step.params.model_json_schema()
    return {"name": step.name, "summary": step.summary, "phase": step.phase, **ports, "params": schema}


def _line(step: Step) -> tuple[str, str, str, str]:
    """A step of the list; kinds are told by `scanmill steps NAME`."""
    reads, writes = (
        ", ".join(f"{n}{'?' if p.optional else ''}{'…' if p.many else ''}" for n, p in ports.items())
        for ports in (step.reads, step.writes)
    )
    return step.name, step.summary, reads, writes


def _show(step: Step) -> None:
    say("[bold]{}[/bold]  {}", step.name, step.summary)
    say("[dim]reads[/dim]  {}", _ports(step.reads) or "-")
    say("[dim]writes[/dim] {}", _ports(step.writes) or "-")
    rows = [
        (
            name,
            _kind(field),
            "required" if "default" not in field else json.dumps(field["default"]),
            field.get("description", ""),
        )
        for name, field in step.params.model_json_schema().get("properties", {}).items()
    ]
    if rows:
        say("")
        print_table("", ("parameter", "type", "default", ""), rows)


def _ports(ports: Any) -> str:
    def word(name: str, port: Port) -> str:
        more = [word for word, yes in (("many", port.many), ("optional", port.optional)) if yes]
        return f"{name} ({', '.join([port.kind, *more])})"

    return ", ".join(word(name, port) for name, port in ports.items())


def _kind(field: dict[str, Any]) -> str:
    """The type of a parameter in a word or two, from its JSON schema."""
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " | ".join(_kind(option) for option in field["anyOf"])
    bounds = [f"{sign} {field[key]}" for key, sign in BOUNDS.items() if key in field]
    return " ".join([str(field.get("type", field.get("const", "value"))), *bounds])


BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
