"""`scanmill runs`: what runs there are, what became of their rows, and whether their files are sound."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from scanmill.cli.run import Address, Ledger, RunPath, Workers, experiment_of, finish, listening
from scanmill.cli.shell import AsJson, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="List, look at, verify and retry runs.")
STATES = ("waiting", "leased", "done", "failed", "quarantined", "cancelled")


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
    lines = []
    for run in found:
        counts = {s: sum(stage.get(s, 0) for stage in run.counts.values()) for s in STATES}  # type: ignore[call-overload]
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        bad = counts["failed"] + counts["quarantined"]
        lines.append((run.run_id, begun, run.status, counts["done"], bad, sum(counts.values())))
    print_table("", ("run", "begun", "status", "done", "bad", "units"), lines)


@app.command()
def show(folder: RunPath, ledger: Ledger = None, as_json: AsJson = False) -> None:
    """Show one run: counts, what failed and why, what happened to workers and devices.

    Example: [bold]scanmill runs show runs/demo-0123456789 --json[/bold]
    """
    from scanmill.engine.run_view import show_run

    run = show_run(folder, ledger_url=ledger)
    if as_json:
        print_json(run)
        return
    lines = [(name, *(dict(counts).get(s, 0) for s in STATES)) for name, counts in run.counts.items()]  # type: ignore[call-overload]
    print_table(f"{run.run_id}: {run.status}", ("stage", *STATES), lines)
    if run.failures:
        columns = ("state", "row_keys", "attempts", "error_class", "error")
        lines = [tuple(", ".join(f[c]) if c == "row_keys" else f[c] for c in columns) for f in run.failures]
        print_table("what failed", columns, lines)
        say(f"Next: scanmill runs retry {folder}   tries them again")
    for note in run.notes:
        if note["kind"] in ("drained", "paused"):
            say(f"[yellow]{note['kind']}[/yellow] {note.get('device', '')} {note.get('why', '')}")


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
            say(f"[red]{problem}[/red]")
        say(f"{found.files} files, {found.bytes / 1e6:.1f} MB: {'sound' if found.sound else 'NOT sound'}")
        if found.garbage:
            say(
                f"{len(found.garbage)} files of attempts that did not win" + (", deleted" if collect else "; --collect")
            )
    if not found.sound:
        raise typer.Exit(3)


@app.command()
def retry(
    folder: RunPath,
    rows: Annotated[list[str] | None, typer.Argument(help="Row keys; all that failed by default.")] = None,
    address: Address = None,
    ledger: Ledger = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Try failed and quarantined rows again, for instance after the data were mended.

    Example: [bold]scanmill runs retry runs/demo-0123456789 row-7[/bold]
    """
    from scanmill.engine.runs import retry_run

    with listening(folder, experiment_of(folder), as_json) as listeners:
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
    print_json({"sent": sent}) if as_json else say("all sent" if sent else tracker.problem)
    if not sent:
        raise typer.Exit(4)
