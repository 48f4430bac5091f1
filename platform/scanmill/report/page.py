"""The page itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scanmill.report import facts
from scanmill.report.cards import MOST_CARDS, ReadBytes, make_cards, make_failed_cards
from scanmill.report.figures import histogram
from scanmill.report.montage import write_montage

MOST_REASONS, MOST_WARNINGS, MOST_CHARTS = 12, 12, 12
PHASES = ("read", "compute", "write", "commit")


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
    shown = [(c.row_key, c.pictures[0].png) for stage in stages[-1:] for c in stage["cards"] if c.pictures]
    return [target, *write_montage(folder / "montage.png", shown)]


def _template() -> Any:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"number": _number, "duration": _duration, "day": _day}
    return environment.get_template("page.html.j2")


def _stage(name: str, table: pa.Table, read_bytes: ReadBytes) -> dict[str, Any]:
    order = facts.telling_first(name for name in table.column_names if name.startswith("metric."))
    quality = facts.spreads(table.select(order), "metric.")
    varied = [s for s in quality if s.varies][:MOST_CHARTS]
    failures, warnings = facts.failures(table), _warnings(table)
    counts = facts.count_states(table)
    return {
        "name": name,
        "n": table.num_rows,
        "counts": counts,
        "seconds": _phases_first(facts.spreads(table, "seconds.")),
        "quality": quality,
        "charts": [(s.name, histogram(facts.numbers(table, f"metric.{s.name}"), s.name)) for s in varied],
        "ranked_by": (facts.ranking_metric(table.column_names) or "").removeprefix("metric."),
        "cards": make_cards(table, read_bytes),
        "failed_cards": make_failed_cards(table, read_bytes),
        "not_shown": max(counts["done"] - MOST_CARDS, 0),
        "failures": failures[:MOST_REASONS],
        "more_failures": failures[MOST_REASONS : 10 * MOST_REASONS],
        "devices": sorted(filter(None, table["device"].unique().to_pylist())),
        "warnings": warnings[:MOST_WARNINGS],
        "more_warnings": warnings[MOST_WARNINGS : 10 * MOST_WARNINGS],
    }


def _phases_first(spreads: Iterable[facts.Spread]) -> list[facts.Spread]:
    """Reading, computing and writing, then the steps of which they are made."""
    return sorted(spreads, key=lambda s: PHASES.index(s.name) if s.name in PHASES else len(PHASES))


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


def _duration(seconds: float) -> str:
    """Seconds as a person would say them.

    >>> _duration(8.42), _duration(162.4), _duration(9000)
    ('8.4 s', '2 min 42 s', '2 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
