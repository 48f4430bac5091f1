"""The `scanmill` command. Here the rooms below are wired together; what a command needs is imported when it runs."""

from __future__ import annotations

import typer

from scanmill.cli import cohort, demo, doctor, run, runs, steps
from scanmill.cli.shell import Shell

app = typer.Typer(
    cls=Shell,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A mill for scans: a cohort and a ten-line job in, images, measurements and a results manifest out.\n\n"
    "Start with `scanmill demo`, or with your own data: `scanmill cohort build`, then `scanmill run`.",
)
app.add_typer(cohort.app, name="cohort")
app.add_typer(runs.app, name="runs")
app.command()(run.run)
app.command()(run.resume)
app.command()(run.cancel)
app.command()(steps.steps)
app.command()(doctor.doctor)
app.command()(demo.demo)

__all__ = ["app"]
