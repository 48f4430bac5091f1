"""`scanmill search`: images like this one, from an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanmill.cli.shell import AsJson, plural, print_json
from scanmill.errors import InputError, SpecError

if TYPE_CHECKING:
    from scanmill.cli.query import Query
    from scanmill.cli.search_report import SearchReport

MOST_PICTURED = 100
"""Queries of one picture."""
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
    from scanmill.cli.asking import ask
    from scanmill.cli.open_index import open_index
    from scanmill.cli.search_report import SearchReport

    _check_request(montage, save_cohort, mask, label)
    opened = open_index(index)
    if not len(opened):
        raise SpecError("the index is empty", where=index.name, do="`scanmill index add` brings entries of runs")
    queries: list[Query] = []
    report = SearchReport(opened)
    for query in _queries(image, {"region": region, "mask": mask, "label": label, "plane": plane}, report):
        own = None if same_patient else patient or query.patient
        answered = ask(opened, query, k, where=where, kinds=kind, patient=own, every=every)
        report.add(answered, _reranked(query, answered.lines, runs, report) if by_points else answered.lines)
        if own:
            report.note("the patient's own images are left out; --same-patient lets them answer")
        queries.append(query)
    if save_cohort:
        from scanmill.cli.answers import cohort_of

        cohort_of(report.answers, runs).write(save_cohort)
    if montage:
        _write_montage(montage, queries, runs, report)
    print_json(report.as_json()) if as_json else report.tell()


def _check_request(montage: Path | None, save_cohort: Path | None, mask: Path | None, label: str | None) -> None:
    """Refuse, before anything is searched, what would fail after it."""
    for option, path, ending in (("--montage", montage, ".png"), ("--save-cohort", save_cohort, ".parquet")):
        if path is not None and path.suffix.lower() != ending:
            raise SpecError("a file of another kind", where=option, expected=f"a name that ends in {ending}",
                            got=path.name)  # fmt: skip
    if label is not None and mask is None:
        raise SpecError("a label chooses a region of a mask", where="--label", got="no --mask")


def _queries(image: Path, told: dict[str, Any], report: SearchReport) -> Iterator[Query]:
    """The one query of an image, or one for each row of a cohort that has an image."""
    from scanmill.cli.query import queries_of_cohort, query_of
    from scanmill.cohort import Cohort

    embedding = report.index.embedding()
    if image.suffix != ".parquet":
        yield query_of(image, embedding, **told)
        return
    if any(value is not None for value in told.values()):
        raise SpecError("a cohort is asked by its whole images", do="leave --region, --mask and --slice out")
    yield from queries_of_cohort(Cohort.open(image), embedding, report.not_asked)
    if not report.n_queries:
        why = next(iter(report.not_asked.values()), "no rows")
        raise InputError("no row of the cohort can ask", where=image.name, got=why)


def _reranked(query: Query, answers: Sequence[Any], runs: str, report: SearchReport) -> list[Any]:
    from scanmill.cli.rerank import rerank

    ordered, away = rerank(query, answers, runs)
    if away:
        report.note(f"not re-ranked without their images: {len(away)}; {_why_away(away, runs)}")
    return ordered


def _write_montage(path: Path, queries: Sequence[Query], runs: str, report: SearchReport) -> None:
    from scanmill.cli.answers import tile_of
    from scanmill.report.found import Tile, write_found

    lines = []
    if len(queries) > MOST_PICTURED:
        report.note(f"the picture shows the first {MOST_PICTURED} of {len(queries):,} queries")
    away = []
    for query in queries[:MOST_PICTURED]:
        answers = [answer for answer in report.answers if answer["query"] == query.name]
        tiles = [tile_of(answer, runs) for answer in answers]
        away += [answer for answer, tile in zip(answers, tiles, strict=True) if tile.plane is None]
        lines.append([Tile(f"asked: {query.shown}", query.plane, query.box), *tiles])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_found(path, lines)
    if away:
        report.note(f"{plural(len(away), 'image')} away: {_why_away(away, runs)}")


def _why_away(answers: Sequence[Any], runs: str) -> str:
    if not any(answer["uri"] for answer in answers):
        return "their jobs have saved none (`save`)"
    return f"runs are looked for in {runs}, --runs says where"
