"""`scanmill run`, `resume` and `cancel`: a job over a cohort, from start to report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanmill.cli.shell import AsJson, plural, print_json, say
from scanmill.cli.telling import entries, finish, show_plan, total

if TYPE_CHECKING:
    from scanmill.cli.index_listener import IndexListener
    from scanmill.engine.events import Listener
    from scanmill.engine.spec import JobSpec

Address = Annotated[str | None, typer.Option(help="A Ray cluster to join; a local one is started by default.")]
Ledger = Annotated[str | None, typer.Option(help="The ledger's database URL; SQLite in the run folder by default.")]
Workers = Annotated[int | None, typer.Option(help="Workers at a time; as many as fit by default, 0 for this process.")]
RunPath = Annotated[str, typer.Argument(help="The run's folder.")]
Store = Annotated[str | None, typer.Option(help="Where artifacts go (s3://bucket/prefix); the run folder by default.")]
Indexes = Annotated[
    list[Path] | None, typer.Option("--index", help="An index that follows the run; made where there is none.")
]
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
    index: Indexes = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Run a job over a cohort. The same command again continues it, or finds that nothing is left to do.

    Example: [bold]scanmill run jobs/ct_parallel_counts.yaml --cohort cohort.parquet --dry-run[/bold]
    """
    from scanmill.cli.catalogue import find_job
    from scanmill.cli.index_check import check_indexes
    from scanmill.cohort import Cohort
    from scanmill.engine.run_plan import check_job, plan_run
    from scanmill.engine.runs import run_id_of, start_run
    from scanmill.engine.spec import load_job

    spec = load_job(find_job(job), settings or [])
    rows = Cohort.open(cohort, where)
    if dry_run:
        show_plan(plan_run(spec, rows, out=out, store=store, address=address), as_json)
        return
    check_job(spec, rows)
    check_indexes(spec, index or [])
    folder, experiment = f"{out.rstrip('/')}/{run_id_of(spec, rows)}", spec.tracking.experiment or spec.name
    with listening(folder, experiment, as_json, index or []) as listeners:
        summary = start_run(
            spec, rows, out=out, store=store, ledger_url=ledger, address=address, workers=workers, listeners=listeners
        )
    finish(summary, as_json)


def resume(
    folder: RunPath,
    address: Address = None,
    ledger: Ledger = None,
    workers: Workers = None,
    index: Indexes = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was interrupted, killed or cancelled.

    Example: [bold]scanmill resume runs/demo-0123456789[/bold]
    """
    from scanmill.cli.index_check import check_indexes
    from scanmill.engine.runs import resume_run

    check_indexes(job_of(folder), index or [])
    with listening(folder, experiment_of(folder), as_json, index or []) as listeners:
        summary = resume_run(folder, ledger_url=ledger, address=address, workers=workers, listeners=listeners)
    finish(summary, as_json)


def cancel(folder: RunPath, ledger: Ledger = None, as_json: AsJson = False) -> None:
    """Stop a run: what is being worked on ends, what waits is cancelled. `scanmill resume` brings it back.

    Example: [bold]scanmill cancel runs/demo-0123456789[/bold]
    """
    from scanmill.engine.run_view import show_run
    from scanmill.engine.runs import cancel_run

    asked = cancel_run(folder, ledger_url=ledger)
    cancelled = 0 if asked else total(show_run(folder, ledger_url=ledger, details=False).counts, "cancelled")
    if as_json:
        print_json({"asked_driver": asked, "cancelled": cancelled})
    elif asked:
        say("asked its driver to stop; what is being worked on ends first")
    elif cancelled:
        say("nobody was driving it; {} will not be tried", plural(cancelled, "waiting unit"))
        say("Next: scanmill resume {}   brings them back", folder)
    else:
        say("it had ended already; nothing waited")


@contextmanager
def listening(folder: str, experiment: str, as_json: bool, indexes: Sequence[Path] = ()) -> Iterator[list[Listener]]:
    """The terminal, the report, MLflow and indexes, listening to the run in ``folder``."""
    from scanmill.cli.index_listener import IndexListener
    from scanmill.cli.listeners import ReportListener, tracking_listener
    from scanmill.cli.progress import LiveProgress

    tracking = tracking_listener(folder, experiment)
    writers = [IndexListener(folder, index) for index in indexes]
    with LiveProgress(silent=as_json) as live:
        yield [live, ReportListener(), tracking, *writers]
    for writer in writers:
        whole = writer.close()
        if not as_json:
            _tell_index(writer, folder, whole=whole)
    if not tracking.tracker.close() and not as_json:
        problem = tracking.tracker.problem or "MLflow has not heard everything yet"
        say("[yellow]{}[/yellow]; send it later with `scanmill runs track {}`", problem, folder)


def _tell_index(writer: IndexListener, folder: str, *, whole: bool) -> None:
    if not whole:
        problem = writer.problem or "the index has not heard everything yet"
        say("[yellow]{}[/yellow]; add it later with `scanmill index add {} {}`", problem, writer.index, folder)
    if writer.strangers and not writer.written:  # of several indexes, each takes what is its own
        images = plural(writer.strangers, "image")
        say("[yellow]{} left out[/yellow] of {}, since another embedding made them", images, writer.index)
    if writer.written:
        say("[bold]{}[/bold]: {} new or changed", writer.index, entries(writer.written))
        say("Next: scanmill search {} IMAGE", writer.index)


def job_of(folder: str) -> JobSpec:
    """A run's own job."""
    from scanmill.engine.run_folder import JOB, RunFolder
    from scanmill.engine.spec import load_job

    opened = RunFolder.open(folder)
    opened.fetch(JOB)
    return load_job(opened.path / JOB)


def experiment_of(folder: str) -> str:
    """The MLflow experiment that a run's own job names."""
    job = job_of(folder)
    return job.tracking.experiment or job.name
