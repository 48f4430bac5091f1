"""`scanmill search`: images like this one, from an index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanmill.cli.shell import AsJson, plural, print_json, print_table, say
from scanmill.errors import SpecError

if TYPE_CHECKING:
    from scanmill.cli.open_index import OpenIndex
    from scanmill.cli.query import Query

MOST_ASKED = 10_000
SPARE = 20
"""So many entries are asked for each answer, since a series may be found by many of its slices."""
IndexPath = Annotated[Path, typer.Argument(help="The index's folder.", exists=True, file_okay=False)]


def search(
    index: IndexPath,
    image: Annotated[Path, typer.Argument(help="DICOM, NIfTI, NRRD, PNG; or a cohort's Parquet.", exists=True)],
    region: Annotated[str | None, typer.Option(help="A box in voxels of the image: x,y,z,w,h,d.")] = None,
    mask: Annotated[Path | None, typer.Option(help="NIfTI, NRRD, DICOM SEG or RTSTRUCT.", exists=True)] = None,
    label: Annotated[str | None, typer.Option(help="Which region of the mask.")] = None,
    plane: Annotated[int | None, typer.Option("--slice", help="One slice of the image; the first is 0.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many answers.")] = 10,
    where: Annotated[str | None, typer.Option(help="One SQL expression, e.g. \"modality = 'CT'\".")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="series, slice or region; what suits the query by default.")
    ] = None,
    same_patient: Annotated[bool, typer.Option("--same-patient", help="Let the patient's own images answer.")] = False,
    patient: Annotated[
        str | None, typer.Option(help="The patient key of the query, where its file tells none.")
    ] = None,
    every: Annotated[bool, typer.Option("--every-entry", help="Also several answers from one row.")] = False,
    save_cohort: Annotated[Path | None, typer.Option(help="Write the rows that were found as a cohort.")] = None,
    montage: Annotated[Path | None, typer.Option(help="Write query and answers as a picture.")] = None,
    by_points: Annotated[bool, typer.Option("--rerank", help="Order the answers by local matching too.")] = False,
    runs: Annotated[str, typer.Option(help="Where the run folders are (cohorts, pictures, --rerank).")] = "runs",
    as_json: AsJson = False,
) -> None:
    """Find the images that show what this one shows. The patient's own images are left out.

    Example: [bold]scanmill search ct.index scan.nii.gz --region 210,180,40,30,30,6 -k 5 --montage found.png[/bold]
    """
    from scanmill.cli.answers import cohort_of
    from scanmill.cli.open_index import open_index

    opened = open_index(index)
    if not len(opened):
        raise SpecError("the index is empty", where=index.name, do="`scanmill index add` brings entries of runs")
    queries = _queries(opened, image, {"region": region, "mask": mask, "label": label, "plane": plane})
    answers, complete = [], True
    for query in queries:
        own = None if same_patient else patient or query.patient
        found, whole = ask(opened, query, k, where=where, kinds=kind, patient=own, every=every)
        answers += _reranked(query, found, runs) if by_points else found
        complete &= whole
    if save_cohort:
        cohort_of(answers, runs).write(save_cohort)
    if as_json:
        print_json({"complete": complete, "away": opened.away, "metric": opened.metric, "answers": answers})
    else:
        _tell(answers, opened, k=k, n_queries=len(queries))
    if montage:
        _write_montage(montage, queries, answers, runs, silent=as_json)


def ask(
    index: OpenIndex,
    query: Query,
    k: int,
    *,
    where: str | None,
    kinds: Sequence[str] | None,
    patient: str | None,
    every: bool,
) -> tuple[list[Any], bool]:
    """The answers to one query, each with the query's name and words for its region; whether all shards were asked."""
    from scanmill.cli.answers import one_a_row, words_of

    wanted = list(kinds) if kinds else _kinds_for(index, query)
    most = k if every else min(MOST_ASKED, k * SPARE)
    answers = index.search(query.vector[None], most, where=where, exclude_patients=patient, kinds=wanted)
    lines = answers.table.to_pylist()
    lines = lines[:k] if every else one_a_row(lines, k)
    return [{**line, "query": query.name, "shows": words_of(line)} for line in lines], answers.complete


def _kinds_for(index: OpenIndex, query: Query) -> list[str]:
    """A region asks regions, a slice slices, a volume series; a picture is found as either, and where an index has
    nothing of the kind, everything answers."""
    likely = {"region": ["region"], "slice": ["slice", "series"], "series": ["series"]}[query.kind]
    there = index.kinds()
    return [kind for kind in likely if kind in there] or list(there)


def _reranked(query: Query, answers: list[Any], runs: str) -> list[Any]:
    from scanmill.cli.rerank import rerank

    return rerank(query, answers, runs)


def _queries(index: OpenIndex, image: Path, told: dict[str, Any]) -> list[Query]:
    from scanmill.cli.query import queries_of_cohort, query_of
    from scanmill.cohort import Cohort

    if image.suffix == ".parquet":
        if any(value is not None for value in told.values()):
            raise SpecError("a cohort is asked by its whole images", do="leave --region, --mask and --slice out")
        return list(queries_of_cohort(Cohort.open(image), index.embedding()))
    return [query_of(image, index.embedding(), **told)]


def _write_montage(path: Path, queries: Sequence[Query], answers: Sequence[Any], runs: str, *, silent: bool) -> None:
    from scanmill.cli.answers import tile_of
    from scanmill.report.found import Tile, write_found

    tiles: list[Tile] = []
    for query in queries:
        tiles.append(Tile(f"asked: {query.name}", query.plane, query.box))
        tiles += [tile_of(answer, runs) for answer in answers if answer["query"] == query.name]
    write_found(path, tiles)
    if (away := sum(tile.plane is None for tile in tiles)) and not silent:
        say("[yellow]{} away[/yellow]: runs are looked for in {}, --runs says where", plural(away, "image"), runs)


def _tell(answers: Sequence[Any], index: OpenIndex, *, k: int, n_queries: int) -> None:
    head = ("query", "rank", "score", "row", "shows", "run")
    lines = [(a["query"], a["rank"], a["score"], a["row_key"], a["shows"], a["run_id"]) for a in answers]
    skipped = 1 if n_queries == 1 else 0
    print_table("", head[skipped:], [line[skipped:] for line in lines])
    if index.away:
        n, shards = len(index.away), plural(len(index.shards), "shard")
        say("[yellow]partial[/yellow]: {} of {} away; better answers may exist", n, shards)
        for name, why in index.away.items():
            say("  {}: {}", name, why)
    if len(answers) < k * n_queries:
        wanted, there = plural(k * n_queries, "answer"), plural(len(index), "vector")
        say("{} of {}: the index has no more that may answer ({})", len(answers), wanted, there)
