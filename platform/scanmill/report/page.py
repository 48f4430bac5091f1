"""The page itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scanmill.report import facts
from scanmill.report.figures import data_uri, histogram
from scanmill.report.montage import write_montage

MOST_CARDS = 24
"""Rows with pictures on the page; the others are in results.parquet."""
MOST_PICTURE_BYTES = 2_000_000

ReadBytes = Callable[[str], bytes]


def write_report(folder: Path, read_bytes: ReadBytes, told: Mapping[str, Any]) -> list[Path]:
    """Write ``report.html`` and ``montage.png`` into a run folder from what lies there; the paths that were written.

    ``read_bytes`` fetches an artifact (a path relative to the run's store), wherever the store is; ``told`` is how
    the run ended: ``status``, ``seconds`` and ``drained`` devices with reasons.
    """
    run = {**json.loads((folder / "run.json").read_text("utf-8")), **told}
    manifests = sorted(folder.glob("stages/*/results.parquet"), key=lambda path: path.stat().st_mtime)
    stages = [_stage(path.parent.name, pq.read_table(path), read_bytes) for path in manifests]
    job = (folder / "job.yaml").read_text("utf-8")
    page = _template().render(run=run, stages=stages, job=job, description=yaml.safe_load(job).get("description"))
    target = folder / "report.html"
    target.write_text(page, "utf-8")
    shown = [(c["row_key"], c["bytes"][0]) for stage in stages[-1:] for c in stage["cards"] if c["bytes"]]
    return [target, *write_montage(folder / "montage.png", shown)]


def _template() -> Any:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"number": _number, "day": lambda at: time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))}
    return environment.get_template("page.html.j2")


def _stage(name: str, table: pa.Table, read_bytes: ReadBytes) -> dict[str, Any]:
    quality = facts.spreads(table, "metric.")
    return {
        "name": name,
        "n": table.num_rows,
        "counts": facts.count_states(table),
        "seconds": facts.spreads(table, "seconds."),
        "quality": [(s, histogram(facts.numbers(table, f"metric.{s.name}"), s.name)) for s in quality if s.n > 1],
        "single": [s for s in quality if s.n == 1],
        "ranked_by": (facts.ranking_metric(table.column_names) or "").removeprefix("metric."),
        "cards": _cards(table, read_bytes),
        "failures": facts.failures(table),
        "devices": sorted(filter(None, table["device"].unique().to_pylist())),
        "warnings": _warnings(table),
    }


def _cards(table: pa.Table, read_bytes: ReadBytes) -> list[dict[str, Any]]:
    """The worst rows with their pictures and numbers."""
    rows = facts.worst_first(table).slice(0, MOST_CARDS).to_pylist()
    metrics = [name for name in table.column_names if name.startswith("metric.")]
    return [
        {
            "row_key": row["row_key"],
            "metrics": {name.removeprefix("metric."): row[name] for name in metrics if row[name] is not None},
            **_pictures(row, read_bytes),
        }
        for row in rows
    ]


def _pictures(row: Mapping[str, Any], read_bytes: ReadBytes) -> dict[str, Any]:
    saved = [(name, value) for name, value in row.items() if name.startswith("output.") and value]
    small = [(n, v) for n, v in saved if v["kind"] == "png" and v["bytes"] <= MOST_PICTURE_BYTES]
    found = [(name.removeprefix("output.").removesuffix(".picture"), read_bytes(value["uri"])) for name, value in small]
    return {"pictures": [(name, data_uri(png)) for name, png in found], "bytes": [png for _, png in found]}


def _warnings(table: pa.Table) -> list[tuple[str, int]]:
    """Each warning and how many rows carry it."""
    counts: dict[str, int] = {}
    for warnings in table["warnings"].to_pylist():
        for warning in warnings or ():
            counts[warning] = counts.get(warning, 0) + 1
    return sorted(counts.items(), key=lambda pair: -pair[1])


def _number(value: float) -> str:
    """Three or four telling digits.

    >>> _number(0.00012345), _number(12.3456), _number(12345.6)
    ('0.0001234', '12.35', '1.235e+04')
    """
    return f"{value:.4g}"
