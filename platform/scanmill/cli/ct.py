"""`scanmill ct`: clinical raw data (DICOM-CT-PD) converted once, and its geometry judged by the data themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanmill.cli.shell import AsJson, plural, print_json, print_table, say

if TYPE_CHECKING:
    from scanmill.io.ctpd_scan import CtpdScan
    from scanmill.steps.ctpd_audit import Audit

app = typer.Typer(no_args_is_help=True, help="Raw data of CT scanners (DICOM-CT-PD): convert and audit.")

Folder = Annotated[Path, typer.Argument(help="The folder of one scan: its files, or a converted one.", exists=True,
                                        file_okay=False)]  # fmt: skip
Workers = Annotated[int | None, typer.Option(help="Processes that read headers; all cores by default.")]


@app.command()
def convert(
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="The new folder to write.")],
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Turn the thousands of files of one scan into one chunked array and a table with a row per view.

    Example: [bold]scanmill ct convert scans/L067 -o stores/L067[/bold]
    """
    from scanmill.io.ctpd_store import convert as write_store
    from scanmill.io.ctpd_store import open_folder

    with _bar("headers", quiet=as_json) as advance:
        scan = open_folder(folder, workers=workers, progress=advance)
    with _bar("projections", quiet=as_json) as advance:
        write_store(scan, output, keys=_pseudonyms(scan), progress=advance)
    if as_json:
        print_json({"n_views": scan.table.n_views, "shape": scan.geometry.shape, "warnings": scan.warnings})
        return
    rows, columns = scan.table.n_rows, scan.table.n_columns
    say("[bold]{}[/bold]: {} of {} x {} pixels", output, plural(scan.table.n_views, "view"), rows, columns)
    _tell_warnings(scan.warnings)
    say("Next: scanmill ct audit {}", output)


@app.command()
def audit(folder: Folder, workers: Workers = None, as_json: AsJson = False) -> None:
    """Turn round every rule by which the scan is read, and say what its own data make of that. Exit code 3 if a
    turned rule fits better.

    Lines through two focal spots are measured twice, from either end; wrong signs make the two differ.

    Example: [bold]scanmill ct audit stores/L067[/bold]
    """
    from scanmill.io.ctpd_store import open_folder
    from scanmill.steps.ctpd_audit import audit as audit_scan

    with _bar("headers", quiet=as_json) as advance:
        scan = open_folder(folder, workers=workers, progress=advance)
    judged = audit_scan(scan)
    if as_json:
        print_json({**vars(judged), "is_consistent": judged.is_consistent})
    else:
        _tell_audit(judged, folder)
    if not judged.is_consistent:
        raise typer.Exit(3)


def _tell_audit(judged: Audit, folder: Path) -> None:
    lines = [("as read", f"{judged.residual:.3%}", "", "", "", "")]
    lines += [
        (flip.rule, f"{flip.residual:.3%}", f"{flip.rise:+.1%}", f"{flip.standard_errors:.1f}", flip.verdict, flip.why)
        for flip in judged.flips
    ]
    columns = ("rule turned round", "residual", "rise", "standard errors", "verdict", "why")
    print_table(f"{folder.name}: {plural(judged.n_lines, 'line')} measured twice", columns, lines)
    _tell_warnings(judged.warnings)
    doubtful = [flip.rule for flip in judged.flips if flip.verdict == "doubtful"]
    if doubtful:
        say("[red]the data fit better with this turned round: {}[/red]", ", ".join(doubtful))
    else:
        testable = sum(flip.verdict == "testable" for flip in judged.flips)
        say("the data agree with the rules; {} would have been seen", plural(testable, "wrong rule"))


def _tell_warnings(warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        say("[yellow]{}[/yellow]", warning)


def _pseudonyms(scan: CtpdScan) -> dict[str, str]:
    """The keys that the scan has in a cohort of this site."""
    from scanmill.cohort.identity import patient_key, site_secret
    from scanmill.cohort.row_key import series_row_key

    patient, series = (scan.protected.get(name, "") for name in ("PatientID", "SeriesInstanceUID"))
    secret = site_secret() if patient or series else b""
    keys = {"row": series_row_key(secret, series)} if series else {}
    return {**keys, "patient": patient_key(secret, patient)} if patient.strip() else keys


@contextmanager
def _bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
