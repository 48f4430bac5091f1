"""`scanmill steps`: what a job can ask for."""

from __future__ import annotations

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
        print_table(
            "", ("step", "reads", "writes", ""), [(s.name, _ports(s.reads), _ports(s.writes), s.summary) for s in found]
        )


def describe(step: Step) -> dict[str, Any]:
    """A step as plain values: what the API and the web form are made of."""
    ports = {
        side: {n: {"kind": p.kind, "optional": p.optional, "many": p.many} for n, p in getattr(step, side).items()}
        for side in ("reads", "writes")
    }
    schema = step.params.model_json_schema()
    return {"name": step.name, "summary": step.summary, "phase": step.phase, **ports, "params": schema}


def _show(step: Step) -> None:
    say(f"[bold]{step.name}[/bold]  {step.summary}")
    say(f"[dim]reads[/dim] {_ports(step.reads) or '-'}   [dim]writes[/dim] {_ports(step.writes) or '-'}")
    rows = [
        (
            name,
            field.get("description", ""),
            _kind(field),
            "required" if "default" not in field else repr(field["default"]),
        )
        for name, field in step.params.model_json_schema().get("properties", {}).items()
    ]
    if rows:
        print_table("", ("parameter", "", "type", "default"), rows)


def _ports(ports: Any) -> str:
    def word(name: str, port: Port) -> str:
        return f"{name}: {port.kind}{'[]' if port.many else ''}{'?' if port.optional else ''}"

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
