"""What comes of an index's answers: one a row, words for a region, the images behind them, a cohort of their rows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from scanmill.algorithms.features import Box
from scanmill.cli.seen_plane import seen_plane
from scanmill.cohort import Cohort
from scanmill.data import Volume
from scanmill.data.entries import region_words
from scanmill.engine.run_folder import RunFolder
from scanmill.errors import ScanmillError, SpecError
from scanmill.io.image_file import read_image
from scanmill.report.found import Tile

Answer = Mapping[str, Any]


def one_a_row(answers: Sequence[Answer], k: int) -> list[Answer]:
    """The first ``k`` answers of different rows, each the best of its row, ranked anew.

    >>> found = [{"row_key": "a", "rank": 1}, {"row_key": "a", "rank": 2}, {"row_key": "b", "rank": 3}]
    >>> one_a_row(found, 2)
    [{'row_key': 'a', 'rank': 1}, {'row_key': 'b', 'rank': 2}]
    """
    best: dict[str, Answer] = {}
    for answer in answers:
        best.setdefault(answer["row_key"], answer)
    return [{**answer, "rank": rank} for rank, answer in enumerate(list(best.values())[:k], start=1)]


def words_of(answer: Answer) -> str:
    """What part of the image an answer is.

    >>> words_of({"kind": "slice", "region": {"x": 0, "y": 0, "z": 5, "w": 9, "h": 9, "d": 1, "label": None}})
    'slice 5'
    """
    box = answer["region"] or dict.fromkeys("xyzwhd", 0)
    numbers = [int(box[name] or 0) for name in "zyxdhw"]
    return region_words(answer["kind"], box.get("label") or "", numbers)


def tile_of(answer: Answer, runs: str) -> Tile:
    """The plane of an answer with its box; an empty tile where the image is away."""
    box, kind = answer["region"], answer["kind"]
    part = f"slice {box['z']}" if kind == "slice" else box["label"] if kind == "region" else None
    caption = "  ".join(filter(None, (f"{answer['rank']}  {answer['score']:.3f}  {answer['row_key']}", part)))
    image = image_of(answer, runs)
    if image is None:
        return Tile(f"{caption}  (away)", None)
    plane = box["z"] + box["d"] // 2 if box else len(image.array) // 2
    marked = Box((0, box["y"], box["x"]), (1, box["h"], box["w"])) if kind == "region" else None
    return Tile(caption, *seen_plane(image, plane, marked))


def image_of(answer: Answer, runs: str) -> Volume | None:
    """The image behind an answer, below the folder of runs; None where it was not saved or is away."""
    if not answer.get("uri"):
        return None
    run_id, _, path = answer["uri"].partition("/")
    try:
        store = RunFolder.open(f"{runs.rstrip('/')}/{run_id}").store
        with tempfile.TemporaryDirectory(prefix="scanmill-found-") as name:
            paths = [path] if store.exists(path) else store.list(path)
            staged = [store.stage(one, Path(name)) for one in paths]
            return read_image(staged[0] if len(staged) == 1 else staged[0].parent)
    except ScanmillError:
        return None


def cohort_of(answers: Sequence[Answer], runs: str) -> Cohort:
    """The rows of the answers as a cohort, best first, with ``score``; their runs tell their files.

    Raises SpecError where a run is away, or two runs call different folders by one name.
    """
    best: dict[str, Answer] = {}
    for answer in sorted(answers, key=lambda one: int(one["rank"])):
        best.setdefault(answer["row_key"], answer)
    if not best:
        raise SpecError("no answer, no cohort")
    found: list[Cohort] = []
    for run_id in dict.fromkeys(str(answer["run_id"]) for answer in best.values()):
        cohort = _cohort_of_run(runs, run_id)
        keys = [key for key, answer in best.items() if answer["run_id"] == run_id]
        found.append(cohort.with_table(_taken(cohort.table, keys, run_id)))
    joined = found[0]
    for other in found[1:]:
        joined = _joined(joined, other)
    table = _taken(joined.table, list(best), "the runs")
    scores = pa.array([float(best[key]["score"]) for key in table["row_key"].to_pylist()], pa.float64())
    kept = table.drop_columns([name for name in ("score",) if name in table.column_names])
    return joined.with_table(kept.append_column("score", scores))


def _cohort_of_run(runs: str, run_id: str) -> Cohort:
    try:
        return RunFolder.open(f"{runs.rstrip('/')}/{run_id}").cohort()
    except SpecError as error:
        do = f"runs are looked for in {runs}, --runs says where"
        raise SpecError("the run of an answer is away", where=run_id, got=error.what, do=do) from error


def _taken(table: pa.Table, keys: Sequence[str], where: str) -> pa.Table:
    places = {key: place for place, key in enumerate(table["row_key"].to_pylist())}
    missing = [key for key in keys if key not in places]
    if missing:
        raise SpecError("answers of groups are no rows of a cohort", where=where, got=missing[0])
    return table.take(pa.array([places[key] for key in keys], pa.int64()))


def _joined(one: Cohort, other: Cohort) -> Cohort:
    clash = [name for name, uri in one.roots.items() if other.roots.get(name, uri) != uri]
    if clash:
        raise SpecError("two runs call different folders by one name", got=clash[0], do="ask with --where run_id = ...")
    table = pa.concat_tables([one.table, other.table], promote_options="permissive")
    files = pa.concat_tables([one.files, other.files])
    return replace(one, table=table, files=files, roots={**one.roots, **other.roots})
