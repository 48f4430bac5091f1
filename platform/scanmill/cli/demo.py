"""`scanmill demo`: from raw scans of CT and MR to a report in about a minute, on phantoms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanmill.cli.shell import plural, say

CARDS = ("phantom", "phantom_cartesian", "phantom_trajectory")


def demo(
    out: Annotated[Path, typer.Option(help="Where scans, cohort and run go.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option(help="Workers at a time; as many as fit by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of the phantoms' noise.")] = 0,
) -> None:
    """Make raw scans of phantoms (CT by three beams, MR on a grid, spokes and spirals; one file is corrupt), and run a
    job over all of them on Ray.

    Example: [bold]scanmill demo --out demo[/bold]
    """
    from scanmill.cli.catalogue import find_job
    from scanmill.cli.run import listening
    from scanmill.cli.telling import finish
    from scanmill.cohort import Cohort
    from scanmill.cohort.build import build_cohort
    from scanmill.engine.runs import run_id_of, start_run
    from scanmill.engine.spec import load_job
    from scanmill.phantoms.demo_cohort import write_demo_scans
    from scanmill.phantoms.demo_kspace import write_demo_kspace

    say("[bold]1[/bold] raw scans of phantoms")
    write_demo_scans(out / "scans" / "ct", seed=seed)
    write_demo_kspace(out / "scans" / "mr", seed=seed)
    say("[bold]2[/bold] scanmill cohort build")
    built = build_cohort([out / "scans"], card=CARDS, project="demo", out=out / "cohort.parquet")
    say("  {}, {}", plural(built.n_rows, "row"), plural(built.n_files, "file"))
    say("[bold]3[/bold] scanmill run jobs/demo.yaml")
    job, cohort = load_job(find_job(Path("demo"))), Cohort.open(out / "cohort.parquet")
    runs = out / "runs"
    with listening(f"{runs}/{run_id_of(job, cohort)}", "demo", as_json=False) as listeners:
        summary = start_run(job, cohort, out=runs, workers=workers, listeners=listeners)
    finish(summary, as_json=False)
    say("MLflow   mlflow ui --backend-store-uri sqlite:///{}", (runs / "mlflow.db").resolve())
