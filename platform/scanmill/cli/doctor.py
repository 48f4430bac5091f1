"""`scanmill doctor`: what each machine has, and what is missing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from scanmill.cli.shell import AsJson, plural, print_json, print_table, say

MOST_CLOCK_SKEW_S = 2.0


def doctor(
    address: Annotated[str | None, typer.Option(help="A Ray cluster: every node of it is asked.")] = None,
    roots: Annotated[list[str] | None, typer.Option("--root", help="A storage URI that must be readable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what each machine has (devices, memory, versions, clock, storage) and what is missing. Exit code 4 if so.

    Example: [bold]scanmill doctor --root s3://scans[/bold]
    """
    from scanmill.engine.health import cluster_health, node_health

    asked = time.time()
    nodes = cluster_health(address, roots or []) if address else [node_health(roots or [])]
    problems = [problem for node in nodes for problem in _problems(node, asked)]
    if as_json:
        print_json({"nodes": nodes, "problems": problems})
    else:
        for node in nodes:
            print_table(str(node["node"]), ("", ""), list(_lines(node)))
        for problem in problems:
            say("[red]{}[/red]", problem)
        say("nothing is missing" if not problems else f"{plural(len(problems), 'thing')} to mend")
    if problems:
        raise typer.Exit(4)


def _lines(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("cpu", f"{node['cpu']}, {node['n_cpus']} cores"),
        ("memory", f"{node['memory_free'] / 1e9:.1f} of {node['memory_total'] / 1e9:.1f} GB free"),
        ("gpus", ", ".join(str(gpu) for gpu in node["gpus"]) or "none"),
        ("disk", f"{node['disk_free'] / 1e9:.1f} GB free in the temporary folder"),
        ("python", str(node["python"])),
        *((name, str(version)) for name, version in node["numeric"].items()),
        ("kernels", node["kernels"]),
    ]
    return lines + [(f"storage {uri}", state) for uri, state in node["storage"].items()]


def _problems(node: Mapping[str, Any], asked: float) -> list[str]:
    """What would keep this machine from working."""
    name = node["node"]
    found = [f"{name}: storage {uri}: {state}" for uri, state in node["storage"].items() if state != "ok"]
    if node["kernels"] != "ok":
        found.append(f"{name}: {node['kernels']}")
    if not asked - MOST_CLOCK_SKEW_S <= node["clock"] <= time.time() + MOST_CLOCK_SKEW_S:
        found.append(f"{name}: its clock is {node['clock'] - time.time():+.0f} s off; set up NTP")
    return found
