"""`scanmill run`, `resume` and `cancel`: a job over a cohort, from start to report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from scanmill.cli.shell import JSON, print_json, print_table, say
from scanmill.errors import SpecError

Address = Annotated[str | None, typer.Option(help="A Ray cluster to join; a local one is started by default.")]
Ledger = Annotated[str | None, typer.Option(help="The ledger's database URL; SQLite in the run folder by default.")]
Workers = Annotated[int | None, typer.Option(help="Workers at a time; as many as fit by default, 0 for this process.")]
RunFolder = Annotated[Path, typer.Argument(help="The run's folder.", exists=True, file_okay=False)]


def run(
    job: Annotated[Path, typer.Argument(help="The job file (YAML), or a name from the catalogue of jobs.")],
    cohort: Annotated[Path, typer.Option(help="The cohort's Parquet file.", exists=True, dir_okay=False)],
    where: Annotated[str | None, typer.Option(help="One SQL expression: run only these rows.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Change a parameter: step.param=value.")] = None,
    out: Annotated[str, typer.Option(help="Where run folders go.")] = "runs",
    store: Annotated[str | None, typer.Option(help="Where artifacts go (s3://bucket/prefix); the run folder by default.")] = None,
    address: Address = None,
    ledger: Ledger = None,
    workers: Workers = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost, and check that it can run.")] = False,
    as_json: bool = JSON,
) -> None:
    """Run a job over a cohort. The same command again continues it, or says that there is nothing left to do.

    Example: [bold]scanmill run jobs/ct_parallel_counts.yaml --cohort cohort.parquet --dry-run[/bold]
    """
    from scanmill.cohort import Cohort
    from scanmill.engine.runs import plan_run, start_run

    spec = _load(job, settings or [])
    rows = Cohort.open(cohort, where)
    if dry_run:
        _print_plan(plan_run(spec, rows, out=out, store=store), as_json)
        return
    with _listeners(as_json) as listeners:
        result = start_run(
            spec, rows, out=out, store=store, ledger_url=ledger, address=address, workers=workers, listeners=listeners
        )
    finish(result, as_json)


def resume(folder: RunFolder, address: Address = None, workers: Workers = None, as_json: bool = JSON) -> None:
    """Continue a run that was interrupted, killed or cancelled in mid-way.

    Example: [bold]scanmill resume runs/demo-20260101-120000[/bold]
    """
    from scanmill.engine.runs import resume_run

    with _listeners(as_json) as listeners:
        result = resume_run(folder, address=address, workers=workers, listeners=listeners)
    finish(result, as_json)


def cancel(folder: RunFolder, as_json: bool = JSON) -> None:
    """Ask a run to stop: what is being worked on ends, what waits is cancelled.

    Example: [bold]scanmill cancel runs/demo-20260101-120000[/bold]
    """
    from scanmill.engine.runs import cancel_run

    cancel_run(folder)
    print_json({"requested": "cancel"}) if as_json else say("asked to stop; `scanmill runs show` tells when it has")
