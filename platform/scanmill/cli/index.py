"""`scanmill index`: images findable by what they show: made from runs, looked after, measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scanmill.cli.index_evaluate import evaluate
from scanmill.cli.index_fill import NewIndex, add, build
from scanmill.cli.search import IndexPath
from scanmill.cli.shell import AsJson, print_json, print_table, say
from scanmill.cli.telling import entries as entries_told
from scanmill.cli.telling import size
from scanmill.errors import SpecError

app = typer.Typer(no_args_is_help=True, help="Make, fill, look at and measure indexes of images.")

for command in (build, add, evaluate):
    app.command()(command)


@app.command()
def create(
    index: NewIndex,
    embedding: Annotated[str, typer.Option(help="slice, volume, slice region, volume region, or a file.")] = "slice",
    metric: Annotated[str, typer.Option(help="cosine or l2.")] = "cosine",
    as_json: AsJson = False,
) -> None:
    """Make an empty index for one embedding; build, add and run --index make one by themselves.

    Example: [bold]scanmill index create lesions.index --embedding "volume region"[/bold]
    """
    from scanmill.algorithms.features.named import embedding_of, read_embedding
    from scanmill.retrieval import Index

    chosen = read_embedding(Path(embedding)) if embedding.endswith(".json") else embedding_of(embedding)
    made = Index.create(index, chosen, metric)
    _tell_info(index, made.info(), as_json)


@app.command()
def remove(
    index: IndexPath,
    where: Annotated[str | None, typer.Option(help="One SQL expression over the entries' columns.")] = None,
    image_id: Annotated[list[str] | None, typer.Option(help="An image id; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Remove entries.

    Example: [bold]scanmill index remove ct.index --where "run_id = 'ct_search-0123456789'"[/bold]
    """
    from scanmill.retrieval import Index

    n = Index.open(index).remove(where, ids=image_id)
    print_json({"removed": n}) if as_json else say("removed {}", entries_told(n))


@app.command()
def compact(index: IndexPath, as_json: AsJson = False) -> None:
    """Write the index anew without what was removed.

    Example: [bold]scanmill index compact ct.index[/bold]
    """
    from scanmill.retrieval import Index

    opened = Index.open(index)
    opened.compact()
    _tell_info(index, opened.info(), as_json)


@app.command()
def snapshot(
    index: IndexPath,
    folder: Annotated[Path, typer.Argument(help="Where the copy goes; empty or absent.")],
    as_json: AsJson = False,
) -> None:
    """Copy the index as it stands now.

    Example: [bold]scanmill index snapshot ct.index backup/ct.index[/bold]
    """
    from scanmill.retrieval import Index

    _tell_info(folder, Index.open(index).snapshot(folder).info(), as_json)


@app.command()
def split(
    index: IndexPath,
    folder: Annotated[Path, typer.Argument(help="Where the shards go; empty or absent.")],
    n: Annotated[int, typer.Option("-n", min=2, max=1000, help="How many shards.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Deal the entries out to several indexes, which `scanmill search` asks together.

    Example: [bold]scanmill index split ct.index ct.shards -n 4[/bold]
    """
    from scanmill.cli.open_index import split_index
    from scanmill.retrieval import Index

    sizes = [len(shard) for shard in split_index(Index.open(index), folder, n)]
    print_json({"entries": sizes}) if as_json else say("{}: {} entries", folder, " + ".join(map(str, sizes)))


@app.command()
def info(index: IndexPath, as_json: AsJson = False) -> None:
    """Say what an index holds.

    Example: [bold]scanmill index info ct.index --json[/bold]
    """
    from scanmill.retrieval import Index

    _tell_info(index, Index.open(index).info(), as_json)


@app.command()
def check(index: IndexPath, as_json: AsJson = False) -> None:
    """Digest every file again and measure the recall against exact search. Exit code 3 if something is wrong.

    Example: [bold]scanmill index check ct.index[/bold]
    """
    from scanmill.retrieval.manifest import RESTORE

    found = _examined(index)
    if as_json:
        print_json(found)
    else:
        for problem in found["problems"]:
            say("[red]{}[/red]", problem)
        if "entries" in found:
            _tell_info(index, {name: value for name, value in found.items() if name != "problems"}, as_json=False)
        say("{}", f"NOT sound; {RESTORE}" if found["problems"] else "sound")
    if found["problems"]:
        raise typer.Exit(3)


def _examined(index: Path) -> dict[str, Any]:
    """What a check finds; the ``problems`` alone of an index that is too damaged to be opened."""
    from scanmill.retrieval import Index
    from scanmill.retrieval.examination import file_problems
    from scanmill.retrieval.manifest import read_manifest

    try:
        return Index.open(index).check()
    except SpecError:
        problems = file_problems(index, read_manifest(index))
        if not problems:
            raise
        return {"problems": problems}


def _tell_info(index: Path, facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    shown = {**facts, "bytes": size(facts["bytes"]), "embedding": facts["embedding"][:12]}
    if "learned_on" in facts:
        shown["learned_on"] = f"{facts['learned_on']:,} of {facts['entries']:,}"
    shown["outgrown"] = "yes: scanmill index compact" if facts["outgrown"] else "no"
    shown["kinds"] = ", ".join(f"{n:,} {kind}" for kind, n in facts["kinds"].items()) or "none"
    print_table(str(index), ("", ""), list(shown.items()))
