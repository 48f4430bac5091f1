"""What is known of runs, for people and pages: the list of runs, and one run with its counts and failures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanmill.engine.ledger import Ledger
from scanmill.engine.run_folder import LEDGER, RUN, RunFolder
from scanmill.engine.unit import UnitState
from scanmill.errors import ScanmillError

MOST_FAILURES = 100


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at this moment. ``status``: running, done, interrupted, cancelled, or unknown when its ledger is away."""

    run_id: str
    name: str
    folder: str
    created_at: float
    status: str
    counts: Mapping[str, Mapping[UnitState, int]] = field(default_factory=dict)
    failures: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()


def list_runs(out: str | Path = "runs") -> list[RunView]:
    """The runs below a local folder, the newest first."""
    found = sorted(Path(out).glob(f"*/{RUN}"))
    views = [_listed(path.parent) for path in found]
    return sorted(views, key=lambda view: -view.created_at)


def _listed(folder: Path) -> RunView:
    """One of many: a folder that cannot be read does not hide the others."""
    try:
        return show_run(folder, details=False)
    except ScanmillError:
        return RunView(folder.name, "", str(folder), 0.0, "unknown")


def show_run(folder: str | Path, *, ledger_url: str | None = None, details: bool = True) -> RunView:
    """One run: counts by stage, what failed and why, what happened to workers and devices."""
    opened = RunFolder.open(folder)
    facts = opened.facts()
    told: dict[str, Any] = {"counts": {}, "status": "unknown"}
    url = ledger_url or os.environ.get("SCANMILL_LEDGER") or facts["ledger"] or str(opened.path / LEDGER)
    if "://" in url or Path(url).is_file():
        try:
            with Ledger.open(url) as ledger:
                told = _told(ledger, facts["run_id"], details=details)
        except ScanmillError:
            told["status"] = "unknown"
    return RunView(facts["run_id"], facts["name"], str(opened.path), facts["created_at"], **told)


def _told(ledger: Ledger, run_id: str, *, details: bool) -> dict[str, Any]:
    counts = {stage: ledger.counts(run_id, stage) for stage in ledger.stages(run_id)}
    total = Counter[str]()
    for one in counts.values():
        total.update(one)
    if ledger.driver_lives(run_id):
        status = "running"
    elif total["waiting"] or total["leased"] or not counts:
        status = "interrupted"
    else:
        status = "cancelled" if total["cancelled"] else "done"
    told: dict[str, Any] = {"counts": counts, "status": status}
    if details:
        told["failures"] = tuple(_failures(ledger, run_id))
        told["notes"] = tuple(_notes(ledger, run_id))
    return told


def _failures(ledger: Ledger, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    states: tuple[UnitState, ...] = ("quarantined", "failed")
    for state in states:
        for unit in ledger.units(run_id, state=state):
            if len(found) >= MOST_FAILURES:
                return found
            outcome = unit.outcome
            found.append(
                {
                    "unit_id": unit.unit_id,
                    "stage": unit.stage,
                    "state": state,
                    "row_keys": unit.row_keys[:10],
                    "attempts": unit.tries,
                    "error_class": outcome.error_class if outcome else "",
                    "error": outcome.error if outcome else "",
                    "device": unit.device,
                }
            )
    return found


def _notes(ledger: Ledger, run_id: str) -> list[dict[str, Any]]:
    """Everything but units' own events, oldest first."""
    notes: list[dict[str, Any]] = []
    after = 0
    while page := ledger.events(run_id, after):
        after = page[-1].seq
        notes += [{"at": one.at, "kind": one.kind, **one.payload} for one in page if one.kind != "unit"]
    return notes
