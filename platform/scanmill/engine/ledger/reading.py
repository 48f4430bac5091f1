"""How the tables become plain values again."""

from __future__ import annotations

import json
from typing import get_args

from sqlalchemy import Connection, func, null, select

from scanmill.engine.ledger.outcome_text import outcome_from_text
from scanmill.engine.ledger.records import AttemptRecord, EventRecord, RunRecord, UnitRecord
from scanmill.engine.ledger.tables import attempts, events, runs, units
from scanmill.engine.unit import UnitState

PAGE = 20_000
_UNIT = (
    units.c.unit_id,
    units.c.stage,
    units.c.kind,
    units.c.state,
    units.c.attempts,
    units.c.tries,
    units.c.suspect,
    units.c.row_keys,
    units.c.worker,
    units.c.device,
)
_ATTEMPT = tuple(column for column in attempts.c if column.name != "run")


def read_runs(connection: Connection, run_id: str | None = None) -> list[RunRecord]:
    """All runs, or one."""
    columns = runs.c.run_id, runs.c.name, runs.c.cohort_digest, runs.c.created_at, runs.c.epoch, runs.c.spec_yaml
    query = select(*columns).order_by(runs.c.number)
    if run_id is not None:
        query = query.where(runs.c.run_id == run_id)
    return [RunRecord(*row) for row in connection.execute(query)]


def read_units(
    connection: Connection,
    run: int,
    stage: str | None,
    state: UnitState | None,
    *,
    after: str = "",
    only: str | None = None,
    outcomes: bool = True,
) -> tuple[list[UnitRecord], str | None]:
    """A page of units after an id, and the id to go on from (None at the end)."""
    outcome = units.c.outcome if outcomes else null()
    query = select(*_UNIT, outcome).where(units.c.run == run, units.c.unit_id > after)
    if stage is not None:
        query = query.where(units.c.stage == stage)
    if state is not None:
        query = query.where(units.c.state == state)
    if only is not None:
        query = query.where(units.c.unit_id == only)
    rows = connection.execute(query.order_by(units.c.unit_id).limit(PAGE)).all()
    page = [
        UnitRecord(
            *row[:6], bool(row[6]), _keys(row[7]), row[8], row[9], outcome_from_text(row[10]) if row[10] else None
        )
        for row in rows
    ]
    return page, page[-1].unit_id if len(page) == PAGE else None


def read_counts(connection: Connection, run: int, stage: str | None) -> dict[UnitState, int]:
    """Units by state, all six of them."""
    query = select(units.c.state, func.count()).where(units.c.run == run).group_by(units.c.state)
    if stage is not None:
        query = query.where(units.c.stage == stage)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in get_args(UnitState)}


def read_attempts(connection: Connection, run: int, unit_id: str | None) -> list[AttemptRecord]:
    """Attempts in order."""
    query = select(*_ATTEMPT).where(attempts.c.run == run).order_by(attempts.c.unit_id, attempts.c.attempt)
    if unit_id is not None:
        query = query.where(attempts.c.unit_id == unit_id)
    return [AttemptRecord(**row) for row in connection.execute(query).mappings()]


def read_events(connection: Connection, run: int, after_seq: int, limit: int) -> list[EventRecord]:
    """Events in order."""
    columns = events.c.seq, events.c.at, events.c.kind, events.c.unit_id, events.c.payload
    query = select(*columns).where(events.c.run == run, events.c.seq > after_seq).order_by(events.c.seq).limit(limit)
    return [EventRecord(*row[:4], json.loads(row[4])) for row in connection.execute(query)]


def _keys(text: str) -> tuple[str, ...]:
    if text.count('"') == 2 and "\\" not in text:
        return (text[2:-2],)
    return tuple(json.loads(text))
