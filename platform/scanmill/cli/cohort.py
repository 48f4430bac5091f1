"""`scanmill cohort`: from folders of scans to a manifest, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanmill.cli.shell import AsJson, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="Build, look at, check and extend cohorts (Parquet manifests).")

Manifest = Annotated[Path, typer.Argument(help="The cohort's Parquet file.", exists=True, dir_okay=False)]
Where = Annotated[str | None, typer.Option(help='One SQL expression over the columns, e.g. "SliceThickness < 2".')]


@app.command()
def build(
    paths: Annotated[list[Path], typer.Argument(help="Folders or files to look through.", exists=True)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The manifest to write.")] = Path("cohort.parquet"),
    card: Annotated[str | None, typer.Option(help="A data card: a YAML file, or a name from the catalogue.")] = None,
    project: Annotated[str, typer.Option(help="The project's name; part of every row key.")] = "",
    workers: Annotated[int | None, typer.Option(help="Processes that read headers; all cores by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look through folders for scans and write them down as a cohort, with what could not be read beside it.

    Example: [bold]scanmill cohort build scans/ --card htc2022 -o cohort.parquet[/bold]
    """
    from rich.progress import Progress

    from scanmill.cohort.build import build_cohort

    with Progress(transient=True, disable=as_json) as bar:
        task = bar.add_task("reading", total=None)
        summary = build_cohort(
            paths,
            card=card,
            project=project,
            out=output,
            workers=workers,
            progress=lambda done, total, _: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json(summary)
        return
    say(f"[bold]{output}[/bold]: {summary.n_rows} rows, {summary.n_files} files, {summary.bytes / 1e6:.1f} MB")
    if summary.n_problems:
        say(f"[yellow]{summary.n_problems} problems[/yellow] are listed by: scanmill cohort show {output} --problems")
    if summary.contains_identity:
        say("[yellow]The cohort's files contain patients' identity.[/yellow] Outputs are written without it.")
    say(f"Next: scanmill run JOB.yaml --cohort {output}")


@app.command()
def show(
    cohort: Manifest,
    where: Where = None,
    problems: Annotated[bool, typer.Option("--problems", help="List what could not be read.")] = False,
    rows: Annotated[int, typer.Option(help="How many rows to print.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Say what a cohort holds.

    Example: [bold]scanmill cohort show cohort.parquet --where "n_views < 100"[/bold]
    """
    from scanmill.cohort import Cohort
    from scanmill.cohort.show import summarise

    found = Cohort.open(cohort, where)
    if problems:
        listed = found.problems.to_pylist()
        if as_json:
            print_json(listed)
        else:
            print_table(
                "problems", ("file", "class", "problem"), [(p["path"], p["error_class"], p["problem"]) for p in listed]
            )
        return
    summary = summarise(found)
    if as_json:
        print_json(summary)
        return
    print_table(str(cohort), ("", ""), summary.lines())
    columns = [c for c in found.table.column_names if c not in HIDDEN and found.table[c].null_count < len(found)]
    lines = found.table.select(columns[:8]).slice(0, rows).to_pylist()
    print_table("", columns[:8], [tuple(line.values()) for line in lines])


HIDDEN = ("card", "content_digest", "patient_key")


@app.command()
def check(
    cohort: Manifest,
    rules: Annotated[Path | None, typer.Option(help="YAML of named SQL rules that every row must meet.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the deviations as Parquet.")] = None,
    digests: Annotated[bool, typer.Option(help="Read every file and compare its SHA-256.")] = True,
    as_json: AsJson = False,
) -> None:
    """Check that the files are there and unchanged, and that every row meets the rules. Exit code 3 if not.

    Example: [bold]scanmill cohort check cohort.parquet --rules rules.yaml[/bold]
    """
    from scanmill.cohort import Cohort
    from scanmill.cohort.check import check_cohort

    result = check_cohort(Cohort.open(cohort), rules=rules or (), digests=digests)
    if output:
        result.write(output)
    if as_json:
        print_json(result.deviations.to_pylist())
    elif not result.in_order:
        columns = ("row_key", "rule", "severity", "path", "what")
        print_table("deviations", columns, [tuple(d[c] for c in columns) for d in result.deviations.to_pylist()])
    else:
        say(f"{result.n_files} files and {result.n_rules} rules: all in order")
    if not result.in_order:
        raise typer.Exit(3)


@app.command()
def join(
    cohort: Manifest,
    table: Annotated[Path, typer.Argument(help="A CSV of clinical data.", exists=True, dir_okay=False)],
    on: Annotated[str, typer.Option(help="The column to join on; PatientID goes through the protected table.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The manifest to write.")],
    as_json: AsJson = False,
) -> None:
    """Add the columns of a CSV to a cohort; no row is dropped.

    Example: [bold]scanmill cohort join cohort.parquet clinical.csv --on PatientID -o joined.parquet[/bold]
    """
    from scanmill.cohort.join import join_table

    summary = join_table(cohort, table, on=on, out=output)
    if as_json:
        print_json(summary)
    else:
        say(f"[bold]{output}[/bold]: {summary.n_matched} of {summary.n_rows} rows found in {table.name}")
