"""How changes are written: a batch of records becomes four statements, whatever its length."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, text, update

from scanmill.engine.ledger.lock import Epoch
from scanmill.engine.ledger.outcome_text import outcome_to_text
from scanmill.engine.ledger.tables import events, units
from scanmill.engine.messages import Record
from scanmill.engine.unit import Unit
from scanmill.errors import SpecError

COLUMNS = ("unit_id", "stage", "kind", "row_keys")
_EVERY = "run, unit_id, stage, kind, row_keys, state, attempts, tries, started, suspect, worker, device"
_FRESH = "'waiting', 0, 0, FALSE, FALSE, '', ''"
_ADD_ONE = text(
    f"INSERT INTO units ({_EVERY}) VALUES (:run, :unit_id, :stage, :kind, :row_keys, {_FRESH}) "  # noqa: S608
    "ON CONFLICT (run, unit_id) DO NOTHING"
)
_ADD_MANY = text(
    f"INSERT INTO units ({_EVERY}) SELECT :run, unit_id, stage, kind, row_keys, {_FRESH} "  # noqa: S608
    "FROM unnest(CAST(:unit_id AS text[]), CAST(:stage AS text[]), CAST(:kind AS text[]), CAST(:row_keys AS text[])) "
    "AS fresh (unit_id, stage, kind, row_keys) ON CONFLICT (run, unit_id) DO NOTHING"
)
_CHANGE = (
    update(units)
    .where(units.c.run == bindparam("at_run"), units.c.unit_id == bindparam("at_unit"))
    .values(
        state=bindparam("state"),
        attempts=bindparam("attempts"),
        tries=bindparam("tries"),
        started=bindparam("started"),
        suspect=bindparam("suspect"),
        worker=bindparam("worker"),
        device=bindparam("device"),
        outcome=func.coalesce(bindparam("outcome"), units.c.outcome),
    )
)
_ATTEMPT = text(
    "INSERT INTO attempts (run, unit_id, attempt, epoch, state, worker, device, leased_at, started_at, ended_at, "
    "charged, error_class, error, why) VALUES (:run, :unit_id, :attempt, :epoch, :state, :worker, :device, "
    ":leased_at, :started_at, :ended_at, :charged, :error_class, :error, :why) "
    "ON CONFLICT (run, unit_id, attempt) DO UPDATE SET epoch = excluded.epoch, state = excluded.state, "
    "leased_at = COALESCE(attempts.leased_at, excluded.leased_at), "
    "started_at = COALESCE(attempts.started_at, excluded.started_at), ended_at = excluded.ended_at, "
    "charged = excluded.charged, error_class = excluded.error_class, error = excluded.error, why = excluded.why"
)


def insert_units(connection: Connection, run: int, fresh: Sequence[Unit]) -> None:
    """Add units that wait; those that are there already stay as they are."""
    rows = sorted((one.unit_id, one.stage, one.kind, json.dumps(one.row_keys)) for one in fresh)
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        connection.execute(_ADD_MANY, {"run": run, **columns})
    else:
        connection.execute(_ADD_ONE, [dict(zip(COLUMNS, row, strict=True), run=run) for row in rows])


def write_records(connection: Connection, epoch: Epoch, records: Sequence[Record], at: float) -> None:
    """Units, attempts and events of a batch, in its order; of several records of a unit the last one stands."""
    changes: dict[str, dict[str, Any]] = {}
    attempts: dict[tuple[str, int], dict[str, Any]] = {}
    for record in records:
        changes[record.unit_id] = _change(epoch, record, changes.get(record.unit_id))
        if record.worker and record.attempt:
            key = (record.unit_id, record.attempt)
            attempts[key] = _attempt(epoch, record, at, attempts.get(key))
    if changes:
        found = connection.execute(_CHANGE, list(changes.values())).rowcount
        if found != len(changes):
            raise SpecError("the ledger does not know all of these units", expected=len(changes), got=found)
    if attempts:
        connection.execute(_ATTEMPT, list(attempts.values()))
    write_events(connection, epoch, ((at, "unit", one.unit_id, _told(one)) for one in records))


def write_events(connection: Connection, epoch: Epoch, told: Iterable[tuple[float, str, str, dict[str, Any]]]) -> None:
    """Append to the events."""
    rows = [
        {
            "run": epoch.run,
            "epoch": epoch.number,
            "at": at,
            "kind": kind,
            "unit_id": unit_id,
            "payload": json.dumps(payload, separators=(",", ":"), default=str),
        }
        for at, kind, unit_id, payload in told
    ]
    if rows:
        connection.execute(events.insert(), rows)


def _change(epoch: Epoch, record: Record, before: dict[str, Any] | None) -> dict[str, Any]:
    outcome = outcome_to_text(record.outcome) if record.outcome else None
    return {
        "at_run": epoch.run,
        "at_unit": record.unit_id,
        "state": record.state,
        "attempts": record.charges,
        "tries": record.attempt,
        "started": record.started,
        "suspect": record.suspect,
        "worker": record.worker,
        "device": record.device,
        "outcome": outcome or (before["outcome"] if before else None),
    }


def _attempt(epoch: Epoch, record: Record, at: float, before: dict[str, Any] | None) -> dict[str, Any]:
    runs = record.state == "leased"
    outcome = record.outcome
    return {
        "run": epoch.run,
        "unit_id": record.unit_id,
        "attempt": record.attempt,
        "epoch": epoch.number,
        "state": record.state,
        "worker": record.worker,
        "device": record.device,
        "leased_at": before["leased_at"] if before else (at if runs and not record.started else None),
        "started_at": at if runs and record.started else (before["started_at"] if before else None),
        "ended_at": None if runs else at,
        "charged": record.charged and not runs,
        "error_class": outcome.error_class if outcome else "",
        "error": outcome.error if outcome else "",
        "why": record.why,
    }


def _told(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = {"state": record.state, "attempt": record.attempt}
    told |= {name: value for name in ("worker", "device", "why") if (value := getattr(record, name))}
    told |= {name: True for name in ("suspect", "started") if getattr(record, name)}
    if record.outcome and record.outcome.error_class:
        told["error_class"] = record.outcome.error_class
    return told
