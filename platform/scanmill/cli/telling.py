"""What the command says of a run: before it starts, and when it has come to an end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from scanmill.cli.shell import print_json, print_table, say

if TYPE_CHECKING:
    from scanmill.engine.events import RunSummary
    from scanmill.engine.run_plan import RunPlan
    from scanmill.engine.unit import UnitState

SHOWN: tuple[UnitState, ...] = ("done", "failed", "quarantined", "cancelled", "waiting", "leased")
ALWAYS_SHOWN = ("done", "failed", "quarantined")


def finish(summary: RunSummary, as_json: bool) -> None:
    """What came of it, where it lies, and what to do next. Exit code 1 where a run did not reach its end."""
    if as_json:
        print_json(summary)
    else:
        _tell_summary(summary)
    if summary.status != "done":
        raise typer.Exit(1)


def _tell_summary(summary: RunSummary) -> None:
    from scanmill.cli.progress import duration

    states = [s for s in SHOWN if s in ALWAYS_SHOWN or total(summary.counts, s)]
    lines = [(stage, *(dict(counts).get(state, 0) for state in states)) for stage, counts in summary.counts.items()]
    print_table("", ("stage", *states), lines)
    for device, why in summary.drained.items():
        say("[red]device {} was drained[/red]: {}", device, why)
    say("{} after {}" + (": {}" if summary.why else ""), summary.status, duration(summary.seconds), summary.why)
    say("results  {}\nreport   {}/report.html", summary.results or "not yet", summary.folder)
    if summary.status != "done":
        say("Next: scanmill resume {}", summary.folder)
    elif total(summary.counts, "failed") + total(summary.counts, "quarantined"):
        say("Next: scanmill runs show {}   says why rows failed", summary.folder)


def show_plan(plan: RunPlan, as_json: bool) -> None:
    """What a run would do; exit code 4 when something stands in its way."""
    if as_json:
        print_json(plan)
    else:
        _tell_plan(plan)
    if plan.problems:
        raise typer.Exit(4)


def _tell_plan(plan: RunPlan) -> None:
    columns = ("stage", "kind", "units", "with one worker", "device memory", "output")
    lines = [
        (s.name, s.kind, f"{s.units:,}", _hours(s.hours), size(s.device_bytes), size(s.output_bytes))
        for s in plan.stages
    ]
    print_table(f"{plan.name}: {plan.rows:,} rows", columns, lines)
    free = "nobody knows how much" if plan.free_bytes is None else size(plan.free_bytes)
    say("writes {}; {} is free", size(plan.output_bytes), free)
    for problem in plan.problems:
        say("[red]{}[/red]", problem)
    say("nothing was started" + ("" if plan.problems else "; the same command without --dry-run starts it"))


def size(n_bytes: float) -> str:
    """Bytes in the unit a person would use.

    >>> size(0), size(4_300_000), size(79.5e9)
    ('0 B', '4.3 MB', '80 GB')
    """
    if n_bytes <= 0:
        return "0 B"
    for power, word in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= power:
            value = n_bytes / power
            return f"{value:.0f} {word}" if value >= 10 else f"{value:.1f} {word}"
    return f"{n_bytes:.0f} B"


def entries(n: int) -> str:
    """A number of an index's entries.

    >>> entries(1), entries(1200)
    ('1 entry', '1,200 entries')
    """
    return "1 entry" if n == 1 else f"{n:,} entries"


def total(counts: Mapping[str, Mapping[UnitState, int]], state: UnitState) -> int:
    """Units of all stages in a state."""
    return sum(dict(one).get(state, 0) for one in counts.values())


def _hours(hours: float) -> str:
    from scanmill.cli.progress import duration

    return f"about {duration(hours * 3600)}"
