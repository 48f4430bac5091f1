"""`scanmill index build` and `add`: what runs have described, brought into an index."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanmill.cli.shell import AsJson, plural, print_json, say
from scanmill.cli.telling import entries as entries_told
from scanmill.errors import SpecError

if TYPE_CHECKING:
    from rich.progress import Progress

    from scanmill.cli.index_update import IndexWriter
    from scanmill.cli.run_entries import RunEntries

NewIndex = Annotated[Path, typer.Argument(help="The index's folder.")]
Runs = Annotated[list[str], typer.Argument(help="Run folders whose job embeds its images.")]
ROWS_AT_ONCE = 64


def build(index: NewIndex, runs: Runs, as_json: AsJson = False) -> None:
    """Make an index from run folders; the same index comes of the same runs, whenever it is made.

    Example: [bold]scanmill index build ct.index runs/ct_search-0123456789[/bold]
    """
    if index.exists() and any(index.iterdir()):
        raise SpecError("there is something already", where=index.name, do="`scanmill index add`, or another folder")
    _fill(index, runs, as_json)


def add(index: NewIndex, runs: Runs, as_json: AsJson = False) -> None:
    """Add what runs have described; what is there already is left as it is.

    Example: [bold]scanmill index add ct.index runs/ct_search-0123456789[/bold]
    """
    _fill(index, runs, as_json)


def _fill(index: Path, runs: Iterable[str], as_json: bool) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from scanmill.cli.run_entries import RunEntries
    from scanmill.engine.run_folder import RunFolder

    runs, console = list(runs), Console(stderr=True)
    for run in runs:
        RunFolder.open(run)
    written = strangers = images = 0
    with Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as bar:
        for run in runs:
            with RunEntries(run) as entries:
                n, writer = _fill_from(index, entries, bar)
            written, strangers = written + writer.written, strangers + writer.strangers
            images += n - writer.strangers
    if strangers and not written:
        raise SpecError("the run's entries come from another embedding", where=index.name, got=f"{strangers} images",
                        do="`scanmill index build` makes an index of their own")  # fmt: skip
    if as_json:
        print_json({"images": images, "entries": written, "of_another_embedding": strangers})
        return
    say("[bold]{}[/bold]: {} of {} new or changed", index, entries_told(written), plural(images, "image"))
    if strangers:
        say("[yellow]left out[/yellow], since another embedding made them: {}", plural(strangers, "image"))
    say("Next: scanmill search {} IMAGE", index)


def _fill_from(index: Path, entries: RunEntries, bar: Progress) -> tuple[int, IndexWriter]:
    """Write what the index lacks of a run; of how many images, and the writer with its counts."""
    from scanmill.cli.index_update import IndexWriter

    described = [one for stage in entries.stages for one in entries.of_stage(stage)]
    if not described:
        raise SpecError("the run has described no image", where=entries.run_id,
                        do="its job needs the steps `embed` and `save`")  # fmt: skip
    task, writer = bar.add_task(entries.run_id, total=len(described)), IndexWriter(index, entries)
    missing = writer.missing(described)
    for start in range(0, len(missing), ROWS_AT_ONCE):
        bar.update(task, completed=len(described) - len(missing) + start)
        writer.write(missing[start : start + ROWS_AT_ONCE])
    writer.renew()
    return len(missing), writer
