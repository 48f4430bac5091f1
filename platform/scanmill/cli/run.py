"""`scanmill run`, `resume` and `cancel`: a job over a cohort, from start to report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanmill.cli.shell import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from scanmill.engine.events import Listener, RunSummary
    from scanmill.engine.run_plan import RunPlan
    from scanmill.engine.unit import UnitState

Address = Annotated[str | None, typer.Option(help="A Ray cluster to join; a local one is started by default.")]
Ledger = Annotated[str | None, typer.Option(help="The ledger's database URL; SQLite in the run folder by default.")]
Workers = Annotated[int | None, typer.Option(help="Workers at a time; as many as fit by default, 0 for this process.")]
RunPath = Annotated[str, typer.Argument(help="The run's folder.")]
Store = Annotated[str | None, typer.Option(help="Where artifacts go (s3://bucket/prefix); the run folder by default.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost, and whether it can run.")]


def run(
    job: Annotated[Path, typer.Argument(help="The job file (YAML), or a name from the catalogue of jobs.")],
    cohort: Annotated[Path, typer.Option(help="The cohort's Parquet file.", exists=True, dir_okay=False)],
    where: Annotated[str | None, typer.Option(help="One SQL expression: run only these rows.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Change a parameter: step.param=value.")] = None,
    out: Annotated[str, typer.Option(help="Where run folders go.")] = "runs",
    store: Store = None,
    address: Address = None,
    ledger: Ledger = None,
    workers: Workers = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Run a job over a cohort. The same command again continues it, or finds that nothing is left to do.

    Example: [bold]scanmill run jobs/ct_parallel_counts.yaml --cohort cohort.parquet --dry-run[/bold]
    """
    from scanmill.cli.catalogue import find_job
    from scanmill.cohort import Cohort
    from scanmill.engine.run_plan import plan_run
    from scanmill.engine.runs import run_id_of, start_run
    from scanmill.engine.spec import load_job

    spec = load_job(find_job(job), settings or [])
    rows = Cohort.open(cohort, where)
    if dry_run:
        show_plan(plan_run(spec, rows, out=out, store=store), as_json)
        return
    with listening(f"{out}/{run_id_of(spec, rows)}", spec.tracking.experiment or spec.name, as_json) as listeners:
        summary = start_run(
            spec, rows, out=out, store=store, ledger_url=ledger, address=address, workers=workers, listeners=listeners
        )
    finish(summary, as_json)


def resume(
    folder: RunPath, address: Address = None, ledger: Ledger = None, workers: Workers = None, as_json: AsJson = False
) -> None:
    """Go on with a run that was interrupted, killed or cancelled.

    Example: [bold]scanmill resume runs/demo-0123456789[/bold]
    """
    from scanmill.engine.runs import resume_run

    with listening(folder, experiment_of(folder), as_json) as listeners:
        summary = resume_run(folder, ledger_url=ledger, address=address, workers=workers, listeners=listeners)
    finish(summary, as_json)


def cancel(folder: RunPath, ledger: Ledger = None, as_json: AsJson = False) -> None:
    """Stop a run: what is being worked on ends, what waits is cancelled. `scanmill resume` brings it back.

    Example: [bold]scanmill cancel runs/demo-0123456789[/bold]
    """
    from scanmill.engine.runs import cancel_run

    asked = cancel_run(folder, ledger_url=ledger)
    if as_json:
        print_json({"asked_driver": asked})
    else:
        say("asked its driver to stop" if asked else "nobody was driving it; what waited is cancelled")


@contextmanager
def listening(folder: str, experiment: str, as_json: bool) -> Iterator[list[Listener]]:
    """The terminal, the report and MLflow, listening to the run in ``folder``."""
    from scanmill.cli.listeners import ReportListener, tracking_listener
    from scanmill.cli.progress import LiveProgress

    tracking = tracking_listener(folder, experiment)
    with LiveProgress(silent=as_json) as live:
        yield [live, ReportListener(), tracking]
    if not tracking.tracker.close() and not as_json:
        say(
            f"[yellow]{tracking.tracker.problem or 'MLflow is still being told'}[/yellow]; send it later with "
            f"`scanmill runs track {folder}`"
        )


def experiment_of(folder: str) -> str:
    """The MLflow experiment that a run's own job names."""
    from scanmill.engine.run_folder import JOB, RunFolder
    from scanmill.engine.spec import load_job

    opened = RunFolder.open(folder)
    opened.fetch(JOB)
    job = load_job(opened.path / JOB)
    return job.tracking.experiment or job.name


def finish(summary: RunSummary, as_json: bool) -> None:
    """What came of it, where it lies, and what to do next. Exit code 1 where a run did not reach its end."""
    if as_json:
        print_json(summary)
    else:
        states: tuple[UnitState, ...] = ("done", "failed", "quarantined", "cancelled", "waiting")
        lines = [(stage, *(counts.get(state, 0) for state in states)) for stage, counts in summary.counts.items()]
        print_table("", ("stage", *states), lines)
        for device, why in summary.drained.items():
            say(f"[red]device {device} was drained[/red]: {why}")
        say(f"{summary.status} after {summary.seconds:.1f} s")
        say(f"results  {summary.results or '-'}\nreport   {summary.folder}/report.html")
        if summary.status != "done":
            say(f"Next: scanmill resume {summary.folder}" + (f"   ({summary.why})" if summary.why else ""))
        elif any(c.get("failed", 0) + c.get("quarantined", 0) for c in summary.counts.values()):
            say(f"Next: scanmill runs show {summary.folder}   says why rows failed")
    if summary.status != "done":
        raise typer.Exit(1)


def show_plan(plan: RunPlan, as_json: bool) -> None:
    """What a run would do; exit code 4 when something stands in its way."""
    if as_json:
        print_json(plan)
    else:
        lines: list[tuple[Any, ...]] = [
            (
                s.name,
                s.kind,
                s.units,
                _hours(s.hours),
                f"{s.device_bytes / 1e6:.0f} MB",
                f"{s.output_bytes / 1e6:.1f} MB",
            )
            for s in plan.stages
        ]
        print_table(
            f"{plan.name}: {plan.rows} rows", ("stage", "kind", "units", "one worker", "device", "output"), lines
        )
        free = "unknown" if plan.free_bytes is None else f"{plan.free_bytes / 1e9:.1f} GB"
        say(f"output {plan.output_bytes / 1e6:.1f} MB, free {free}")
        for problem in plan.problems:
            say(f"[red]{problem}[/red]")
    if plan.problems:
        raise typer.Exit(4)


def _hours(hours: float) -> str:
    from scanmill.cli.progress import duration

    return duration(hours * 3600)
