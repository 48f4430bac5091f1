"""`scanmill runs`: what runs there are, what became of their rows, and whether their files are sound."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanmill.cli.run import Address, Indexes, Ledger, RunPath, Workers, experiment_of, job_of, listening
from scanmill.cli.shell import AsJson, plural, print_json, print_table, say
from scanmill.cli.telling import finish, size, total

if TYPE_CHECKING:
    from scanmill.engine.run_view import RunView
    from scanmill.engine.unit import UnitState

TOLD = ("device_drained", "worker_killed", "worker_down", "paused", "unpaused")
app = typer.Typer(no_args_is_help=True, help="List, look at, verify and retry runs.")
STATES: tuple[UnitState, ...] = ("waiting", "leased", "done", "failed", "quarantined", "cancelled")
MOST_SHOWN = 20


@app.command("list")
def list_(
    out: Annotated[str, typer.Argument(help="Where the run folders are.")] = "runs", as_json: AsJson = False
) -> None:
    """List runs, the newest first.

    Example: [bold]scanmill runs list runs/[/bold]
    """
    from scanmill.engine.run_view import list_runs

    found = list_runs(out)
    if as_json:
        print_json(found)
        return
    if not found:
        say("there are no runs in {}; `scanmill run` makes one, `--out` says where", out)
        return
    lines = []
    for run in found:
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        done, failed = total(run.counts, "done"), total(run.counts, "failed") + total(run.counts, "quarantined")
        lines.append((run.run_id, begun, run.status, sum(total(run.counts, s) for s in STATES), done, failed))
    print_table("", ("run", "begun", "status", "units", "done", "failed"), lines)


@app.command()
def show(folder: RunPath, ledger: Ledger = None, as_json: AsJson = False) -> None:
    """Show one run: counts, what failed and why, what happened to workers and devices.

    Example: [bold]scanmill runs show runs/demo-0123456789 --json[/bold]
    """
    from scanmill.cli.progress import note_text
    from scanmill.engine.run_view import show_run

    run = show_run(folder, ledger_url=ledger)
    if as_json:
        print_json(run)
        return
    lines = [(name, *(dict(counts).get(s, 0) for s in STATES)) for name, counts in run.counts.items()]
    print_table(f"{run.run_id}: {run.status}", ("stage", *STATES), lines)
    for note in run.notes:
        if note["kind"] in TOLD and (said := note_text(note)):
            say("{}  [yellow]{}[/yellow]", time.strftime("%H:%M:%S", time.localtime(note["at"])), said)
    if run.failures:
        _tell_failures(run, folder)
    elif run.status == "interrupted":
        say("Next: scanmill resume {}", folder)


def _tell_failures(run: RunView, folder: str) -> None:
    """What failed, the same reason once."""
    alike: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in run.failures:
        alike.setdefault((one["state"], one["error_class"], one["error"]), []).append(one)
    for (state, error_class, error), found in list(alike.items())[:MOST_SHOWN]:
        say("\n[red]{}[/red] [bold]{}[/bold]: {}", state, error_class, error)
        keys = [f"{', '.join(one['row_keys'])} ({plural(one['attempts'], 'attempt')})" for one in found]
        for key in keys[:MOST_SHOWN]:
            say("  {}", key)
        if len(keys) > MOST_SHOWN:
            say("  and {} more", len(keys) - MOST_SHOWN)
    if len(alike) > MOST_SHOWN:
        say("\nand {} more reasons: --json lists them", len(alike) - MOST_SHOWN)
    say("\ntracebacks are in {}/logs", folder)
    say("Next: scanmill runs retry {}   tries them again", folder)


@app.command()
def verify(
    folder: RunPath,
    collect: Annotated[bool, typer.Option("--collect", help="Delete what lost attempts left behind.")] = False,
    ledger: Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Read every committed file again and compare its digest. Exit code 3 if something is missing or changed.

    Example: [bold]scanmill runs verify runs/demo-0123456789[/bold]
    """
    from scanmill.engine.verify import verify_run

    found = verify_run(folder, ledger_url=ledger, collect=collect)
    if as_json:
        print_json(found)
    else:
        for problem in found.problems:
            say("[red]{}[/red]", problem)
        say("{}, {}: {}", plural(found.files, "file"), size(found.bytes), "sound" if found.sound else "NOT sound")
        if found.garbage:
            garbage = f"{plural(len(found.garbage), 'file')} of attempts that did not win"
            say("{}: {}", garbage, f"{found.collected} deleted" if collect else "--collect deletes them")
    if not found.sound:
        raise typer.Exit(3)


@app.command()
def retry(
    folder: RunPath,
    rows: Annotated[list[str] | None, typer.Argument(help="Row keys; all that failed by default.")] = None,
    address: Address = None,
    ledger: Ledger = None,
    workers: Workers = None,
    index: Indexes = None,
    as_json: AsJson = False,
) -> None:
    """Try failed and quarantined rows again, for instance after the data were mended.

    Example: [bold]scanmill runs retry runs/demo-0123456789 row-7[/bold]
    """
    from scanmill.cli.index_check import check_indexes
    from scanmill.engine.runs import retry_run

    check_indexes(job_of(folder), index or [])
    with listening(folder, experiment_of(folder), as_json, index or []) as listeners:
        summary = retry_run(
            folder, rows or (), ledger_url=ledger, address=address, workers=workers, listeners=listeners
        )
    if summary is None:
        print_json({"asked_driver": True}) if as_json else say("asked its driver to try them again")
    else:
        finish(summary, as_json)


@app.command()
def track(folder: RunPath, as_json: AsJson = False) -> None:
    """Send MLflow what could not be sent while it was away.

    Example: [bold]scanmill runs track runs/demo-0123456789[/bold]
    """
    from scanmill.cli.listeners import tracking_listener

    tracker = tracking_listener(folder, experiment_of(folder)).tracker
    sent = tracker.close(timeout=600)
    print_json({"sent": sent}) if as_json else say("{}", "all sent" if sent else tracker.problem)
    if not sent:
        raise typer.Exit(4)
