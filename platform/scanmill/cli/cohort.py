"""`scanmill cohort`: from folders of scans to a manifest, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanmill.cli.shell import AsJson, plural, print_json, print_table, say
from scanmill.cli.telling import size

if TYPE_CHECKING:
    from scanmill.cohort.join import JoinReport
    from scanmill.cohort.pair import PairSummary

app = typer.Typer(no_args_is_help=True, help="Build, look at, check and extend cohorts (Parquet manifests).")

Manifest = Annotated[Path, typer.Argument(help="The cohort's Parquet file.", exists=True, dir_okay=False)]
Where = Annotated[str | None, typer.Option(help='One SQL expression over the columns, e.g. "SliceThickness < 2".')]


@app.command()
def build(
    paths: Annotated[list[Path], typer.Argument(help="Folders or files to look through.", exists=True)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The manifest to write.")] = Path("cohort.parquet"),
    card: Annotated[
        list[str] | None, typer.Option(help="A data card: a YAML file, or a name from the catalogue; may be repeated.")
    ] = None,
    project: Annotated[str, typer.Option(help="The project's name; part of every row key.")] = "",
    workers: Annotated[int | None, typer.Option(help="Processes that read headers; all cores by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look through folders for scans and write them down as a cohort, with what could not be read beside it.

    Example: [bold]scanmill cohort build scans/ --card htc2022 -o cohort.parquet[/bold]
    """
    from rich.console import Console
    from rich.progress import Progress

    from scanmill.cohort.build import build_cohort

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        summary = build_cohort(
            paths,
            card=card or None,
            project=project,
            out=output,
            workers=workers,
            progress=lambda done, total, _: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json(summary)
        return
    rows, files = plural(summary.n_rows, "row"), plural(summary.n_files, "file")
    say("[bold]{}[/bold]: {}, {}, {}", output, rows, files, size(summary.bytes))
    if summary.skipped:
        endings = ", ".join(f"{n} {ending or 'without ending'}" for ending, n in summary.skipped.items())
        say("not looked into: {}" + ("" if card else "; a --card tells how raw arrays are read"), endings)
    if summary.n_problems:
        problems = plural(summary.n_problems, "problem")
        say("[yellow]{}[/yellow]; scanmill cohort show {} --problems   lists what could not be read", problems, output)
    if summary.contains_identity:
        say("[yellow]The cohort's files contain patients' identity.[/yellow] Outputs are written without it.")
    if not summary.n_rows:
        say("[yellow]no scan was found[/yellow]; is it the right folder, and does it need another --card?")
    else:
        say("Next: scanmill run JOB.yaml --cohort {}", output)


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
            lines = [(p["path"], p["error_class"], p["problem"]) for p in listed]
            print_table("", ("file", "class", "problem"), lines) if lines else say("everything could be read")
        return
    summary = summarise(found)
    if as_json:
        print_json(summary)
        return
    print_table(str(cohort), ("", ""), summary.lines())
    say("")
    columns = [c for c in found.table.column_names if c not in HIDDEN and found.table[c].null_count < len(found)]
    lines = found.table.select(columns[:8]).slice(0, rows).to_pylist()
    print_table("", columns[:8], [tuple(line.values()) for line in lines])
    if len(found) > rows:
        say("[dim]and {}[/dim]", plural(len(found) - rows, "more row"))


HIDDEN = ("card", "content_digest", "patient_key")


@app.command()
def check(
    cohort: Manifest,
    where: Where = None,
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

    result = check_cohort(Cohort.open(cohort, where), rules=rules or (), digests=digests)
    if output:
        result.write(output)
    if as_json:
        print_json(result.deviations.to_pylist())
    elif not result.in_order:
        columns = ("row_key", "rule", "severity", "path", "what")
        print_table("deviations", columns, [tuple(d[c] for c in columns) for d in result.deviations.to_pylist()])
    else:
        rules_met = f" and {plural(result.n_rules, 'rule')}" if result.n_rules else ""
        say("{}: all in order", plural(result.n_files, "file") + rules_met)
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
        _tell_join(summary, output, table.name)


def _tell_join(summary: JoinReport, output: Path, table: str) -> None:
    say("[bold]{}[/bold]: {} of {} found in {}", output, summary.n_matched, plural(summary.n_rows, "row"), table)
    say("columns added: {}", ", ".join(summary.added) or "none")
    if summary.left_out:
        say("left out, since they name people: {}", ", ".join(summary.left_out))
    if summary.duplicate_lines:
        lines = ", ".join(map(str, summary.duplicate_lines[:10])) + (" …" if len(summary.duplicate_lines) > 10 else "")
        say("[yellow]not used, since their key stands there more than once[/yellow]: lines {}", lines)


@app.command()
def pair(
    cohort: Manifest,
    output: Annotated[Path, typer.Option("--output", "-o", help="The manifest of pairs to write.")],
    moving: Annotated[str, typer.Option(help="SQL: the rows that are moved onto others.")],
    fixed: Annotated[str | None, typer.Option(help="SQL: the rows onto which they are moved.")] = None,
    atlas: Annotated[
        Path | None, typer.Option(help="A NIfTI image that is fixed in every pair, instead.", exists=True)
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="The column in which partners agree (patient_key); may be repeated.")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Several partners: a pair of every combination.")] = False,
    allow: Annotated[bool, typer.Option("--allow", help="Also pairs of different frames of reference.")] = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Go on without rows that have no partner, or several.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Pair the rows of a cohort for registration and fusion; what has no partner of its own is refused by name.

    Example: [bold]scanmill cohort pair all.parquet --fixed "EchoTime < 9" --moving "EchoTime > 9" -o p.parquet[/bold]
    """
    from scanmill.cohort.pair import pair_cohort

    summary = pair_cohort(
        cohort,
        out=output,
        moving=moving,
        fixed=fixed,
        atlas=atlas,
        by=by or ["patient_key"],
        each=each,
        allow=allow,
        leave_out=leave_out,
    )
    if as_json:
        print_json(summary)
    else:
        _tell_pairs(summary)


def _tell_pairs(summary: PairSummary) -> None:
    say("[bold]{}[/bold]: {}", summary.path, plural(summary.n_pairs, "pair"))
    if summary.left_out:
        rows = plural(len(summary.left_out), "row")
        say("[yellow]{} in no pair[/yellow]; scanmill cohort show {} --problems   says why", rows, summary.path)
    if summary.n_other_frames:
        say("[yellow]{} with different frames of reference[/yellow]", plural(summary.n_other_frames, "pair"))
    if summary.n_unknown_frames:
        say("whether they share a frame of reference is not known of {}", plural(summary.n_unknown_frames, "pair"))
    say("Next: scanmill run JOB.yaml --cohort {}", summary.path)
