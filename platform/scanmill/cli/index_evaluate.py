"""`scanmill index evaluate`: whether the images most alike show the same, by a column that says what they show."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanmill.cli.search import IndexPath
from scanmill.cli.shell import AsJson, plain, plural, print_json, print_table, say
from scanmill.errors import SpecError

if TYPE_CHECKING:
    from scanmill.algorithms.retrieval import Evaluation

NO_CLAIM = "A test of an index on its own images; it says nothing about any clinical use."
MEASURES = ("precision_at_1", "precision_at_5", "precision_at_10", "average_precision", "recall_at_1", "recall_at_5",
            "recall_at_10")  # fmt: skip
SHOWN_AS = {"average_precision": "mAP"}
MOST_LABELS = 12
MOST_IMAGES = 50_000


def evaluate(
    index: IndexPath,
    label: Annotated[str, typer.Option(help="The column that says what an image shows.")],
    kind: Annotated[str, typer.Option(help="Which entries are asked and answer: series, slice or region.")] = "series",
    where: Annotated[str | None, typer.Option(help="One SQL expression: only these entries.")] = None,
    track: Annotated[bool, typer.Option("--track/--no-track", help="Tell MLflow.")] = True,
    experiment: Annotated[str, typer.Option(help="The MLflow experiment.")] = "index evaluation",
    as_json: AsJson = False,
) -> None:
    """Ask with every image and let all other patients' images answer: P@k, recall@k, mAP, chance and modality beside.

    Example: [bold]scanmill index evaluate ct.index --label body_part --kind slice[/bold]
    """
    from scanmill.retrieval import Index

    opened = Index.open(index)
    found, without_patient = _evaluated(opened, label, kind, where)
    told = _told(found, label, kind, without_patient)
    if track:
        told["mlflow"] = _log(index, opened.info(), told, experiment)
    if as_json:
        print_json(told)
    else:
        _tell(told, found)


def _evaluated(index: Any, label: str, kind: str, where: str | None) -> tuple[Evaluation, int]:
    """The evaluation, and how many images name no patient: each counts as a patient of its own row."""
    from scanmill.algorithms.retrieval import evaluate as measure

    if index.manifest.metric != "cosine":
        raise SpecError("only an index of cosine is evaluated", got=index.manifest.metric)
    if not len(index):
        raise SpecError("the index is empty", where=index.folder.name, do="`scanmill index add` brings entries of runs")
    table = index.entries(where, [kind])
    if label not in table.column_names:
        raise SpecError("no such column in the index", got=label, expected=", ".join(table.column_names))
    lines = [line for line in table.to_pylist() if line[label] is not None]
    if not 1 < len(lines) <= MOST_IMAGES:
        expected = f"2 to {MOST_IMAGES:,} entries of the kind {kind} with a {label}"
        raise SpecError("an evaluation of too few or too many images", expected=expected, got=len(lines))
    if len(labels := {str(line[label]) for line in lines}) < 2:
        raise SpecError("all images show the same, so that nothing can be wrong", where=label, expected="two labels",
                        got=labels.pop())  # fmt: skip
    patients = [line["patient_key"] or f"row {line['row_key']}" for line in lines]
    modalities = [str(line["modality"]) for line in lines]
    vectors = index.vectors([line["image_id"] for line in lines])
    found = measure(vectors, [str(line[label]) for line in lines], patients, modalities=modalities)
    return found, sum(line["patient_key"] is None for line in lines)


def _told(found: Evaluation, label: str, kind: str, without_patient: int) -> dict[str, Any]:
    measures = {}
    for name in MEASURES:
        three = [found.interval(name, of) for of in (None, found.by_chance, found.by_modality)]
        words = ("", "by_chance", "by_modality")
        measures[name] = {word or "index": one._asdict() for word, one in zip(words, three, strict=True)}
    labels, counts = found.confusion()
    return {
        "label": label,
        "kind": kind,
        "queries": len(found.labels),
        "patients": len(set(found.patients.tolist())),
        "without_patient": without_patient,
        "unanswerable": found.n_unanswerable,
        "measures": measures,
        "confusion": {"labels": list(labels), "first_answers": counts.tolist()},
        "note": NO_CLAIM,
    }


def _tell(told: dict[str, Any], found: Evaluation) -> None:
    lines = []
    for name in MEASURES:
        columns = [str(found.interval(name, of)) for of in (None, found.by_chance, found.by_modality)]
        lines.append((SHOWN_AS.get(name, name.replace("precision_at_", "P@").replace("_at_", "@")), *columns))
    print_table("", ("measure", "this index", "random order", "modality alone"), lines)
    asked, patients = plural(told["queries"], "image"), plural(told["patients"], "patient")
    say("{} of {} asked; 95 % intervals over patients; nobody answers for their own patient", asked, patients)
    if told["unanswerable"]:
        say("{} had no image of their label from another patient, and are not counted", told["unanswerable"])
    if told["without_patient"]:
        say("[yellow]{} name no patient[/yellow]: each row counts as one, which may flatter", told["without_patient"])
    labels, counts = told["confusion"]["labels"], told["confusion"]["first_answers"]
    if len(labels) <= MOST_LABELS:
        rows = [(word, *line) for word, line in zip(labels, counts, strict=True)]
        print_table("first answers (row: asked, column: found)", ("", *labels), rows)
    if "mlflow" in told:
        say("MLflow: {}", told["mlflow"])
    say("[bold]{}[/bold]", NO_CLAIM)


def _log(index: Path, facts: dict[str, Any], told: dict[str, Any], experiment: str) -> str:
    """One MLflow run of the evaluation; the id by which it is found (the tag ``scanmill_run_id``)."""
    from scanmill.cli.listeners import tracking_place
    from scanmill.tracking import Tracker

    run_id = f"evaluation-{secrets.token_hex(5)}"
    home = index.resolve().parent / f"{index.name}-evaluations"
    home.mkdir(exist_ok=True)
    page = home / f"{run_id}.json"
    page.write_text(json.dumps(plain(told), indent=1) + "\n", "utf-8")
    tracker = Tracker(home / run_id, run_id, experiment=experiment, **tracking_place(index.resolve().parent))
    params = {name: facts[name] for name in ("embedding", "dimension", "metric", "method", "entries")}
    params |= {"label": told["label"], "kind": told["kind"]}
    tracker.start(run_id, params, {"note": NO_CLAIM}, facts["embedding"])
    measures = told["measures"].items()
    numbers = {f"{name}.{side}": part["mean"] for name, of in measures for side, part in of.items()}
    numbers |= {f"{name}.{end}": of["index"][end] for name, of in measures for end in ("lower", "upper")}
    tracker.metrics({name: value for name, value in numbers.items() if value == value}, 0)
    tracker.artifact(page)
    tracker.end("FINISHED")
    return run_id if tracker.close() else f"{run_id} (waits: {tracker.problem})"
