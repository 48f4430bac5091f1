"""The `scanmill` command. Here the rooms below are wired together; what a command needs is imported when it runs."""

from __future__ import annotations

import typer

from scanmill.cli.cohort import app as cohort_app
from scanmill.cli.ct import app as ct_app
from scanmill.cli.demo import demo
from scanmill.cli.doctor import doctor
from scanmill.cli.index import app as index_app
from scanmill.cli.run import cancel, resume, run
from scanmill.cli.runs import app as runs_app
from scanmill.cli.search import search
from scanmill.cli.shell import Shell
from scanmill.cli.steps import steps
from scanmill.cli.warm import warm

app = typer.Typer(
    cls=Shell,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A mill for scans: a cohort and a ten-line job in, images, measurements and a results manifest out.\n\n"
    "Start with `scanmill demo`, or with your own data: `scanmill cohort build`, then `scanmill run`.",
)
app.add_typer(cohort_app, name="cohort")
app.command()(run)
app.command()(resume)
app.command()(cancel)
app.add_typer(runs_app, name="runs")
app.add_typer(index_app, name="index")
app.command()(search)
app.add_typer(ct_app, name="ct")
app.command()(steps)
app.command()(doctor)
app.command()(demo)
app.command()(warm)

__all__ = ["app"]
