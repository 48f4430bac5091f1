"""The ledger of runs: every unit's state, every attempt, every event; durable, and written by one driver at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, bindparam, select, update

from scanmill.engine.ledger.database import connect, mapped, name_of, parse_url
from scanmill.engine.ledger.lock import Epoch, take_lock
from scanmill.engine.ledger.reading import read_attempts, read_counts, read_events, read_runs, read_units
from scanmill.engine.ledger.records import AttemptRecord, EventRecord, RequestRecord, RequestWord, RunRecord, UnitRecord
from scanmill.engine.ledger.schema import bring_up_to_date
from scanmill.engine.ledger.tables import requests, runs, units
from scanmill.engine.ledger.writing import insert_units, write_events, write_records
from scanmill.engine.messages import Record
from scanmill.engine.unit import Unit, UnitState
from scanmill.errors import ResourceError, SpecError

CHUNK = 20_000
LOCK_WAIT_S = 2.0
"""A killed driver's lock is gone at once on a file, and when the server has noticed on PostgreSQL."""


class Ledger:
    """Runs and their units in one database. Anybody may read and `request`; only the holder of the `Epoch` writes.

    Every writing method is one durable transaction. ResourceError names the database when it fails.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mutex = RLock()

    @classmethod
    def open(cls, url_or_path: str | Path) -> Ledger:
        """Open or create: a path for SQLite (a local disk only), or ``postgresql://user@host/name``."""
        url = parse_url(url_or_path)
        if url.get_backend_name() == "sqlite":
            _make_folder(Path(url.database or ""))
        engine = connect(url)
        try:
            with mapped(url), engine.execution_options(writes=True).begin() as connection:
                bring_up_to_date(connection, name_of(url))
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def url(self) -> URL:
        """Where it is; its text hides the password."""
        return self._engine.url

    def close(self) -> None:
        """Let go of the database's connections; an epoch is released by itself."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # --- the driver -------------------------------------------------------------------------------------------

    def create_run(self, run_id: str, name: str, spec_yaml: str, cohort_digest: str) -> None:
        """Enter a run; entering the same one again does nothing, another one of the same id is refused."""
        told = {"name": name, "spec_yaml": spec_yaml, "cohort_digest": cohort_digest}
        with self._transaction(writes=True) as connection:
            there = connection.execute(select(runs).where(runs.c.run_id == run_id)).mappings().first()
            if there is None:
                connection.execute(runs.insert(), {"run_id": run_id, **told, "created_at": time.time(), "epoch": 0})
            elif any(there[key] != value for key, value in told.items()):
                raise SpecError("another run of this id is in the ledger", where=run_id, do="choose another id")

    def begin(self, run_id: str, *, wait_s: float = LOCK_WAIT_S) -> Epoch:
        """Take office as the run's only driver; ResourceError while another one lives."""
        run = self._number(run_id)
        with mapped(self.url):
            lock = take_lock(self._engine, run_id, wait_s)
        try:
            raised = update(runs).where(runs.c.number == run).values(epoch=runs.c.epoch + 1).returning(runs.c.epoch)
            with self._transaction(writes=True) as connection:
                number = connection.execute(raised).scalar_one()
        except BaseException:
            lock.release()
            raise
        return Epoch(run_id, run, number, lock)

    def driver_lives(self, run_id: str) -> bool:
        """Whether somebody drives the run at this moment."""
        self._number(run_id)
        try:
            with mapped(self.url):
                take_lock(self._engine, run_id, 0.0).release()
        except ResourceError:
            return True
        return False

    def add_units(self, epoch: Epoch, fresh: Iterable[Unit]) -> None:
        """Enter units that wait; those that are there already stay as they are. In chunks, each one durable."""
        fresh = iter(fresh)
        while chunk := list(islice(fresh, CHUNK)):
            with self._office(epoch) as connection:
                insert_units(connection, epoch.run, chunk)

    def retire(self, epoch: Epoch, unit_ids: Iterable[str]) -> int:
        """Take units out of the plan whose inputs are no longer what they were; their attempts and events stay."""
        unit_ids = iter(unit_ids)
        total = 0
        while chunk := list(islice(unit_ids, CHUNK)):
            gone = units.delete().where(units.c.run == epoch.run, units.c.unit_id == bindparam("gone"))
            with self._office(epoch) as connection:
                connection.execute(gone, [{"gone": unit_id} for unit_id in chunk])
                write_events(connection, epoch, [(time.time(), "retired", "", {"units": len(chunk)})])
            total += len(chunk)
        return total

    def apply(self, epoch: Epoch, records: Sequence[Record], at: float) -> None:
        """Write what the scheduler decided, all or nothing; ``at`` is in seconds since 1970."""
        if records:
            with self._office(epoch) as connection:
                write_records(connection, epoch, records, at)

    def note(self, epoch: Epoch, kind: str, payload: Mapping[str, Any], at: float | None = None) -> None:
        """Append another event: a worker came or went, a device was drained, the run was paused."""
        when = time.time() if at is None else at
        with self._office(epoch) as connection:
            write_events(connection, epoch, [(when, kind, "", dict(payload))])

    def reset_leased(self, epoch: Epoch) -> int:
        """Units of a driver that is gone wait again; those that had started are suspects. Returns how many."""
        leased = (units.c.run == epoch.run) & (units.c.state == "leased")
        freed = {"state": "waiting", "suspect": units.c.suspect | units.c.started, "started": False}
        with self._office(epoch) as connection:
            count = connection.execute(update(units).where(leased).values(**freed)).rowcount
            if count:
                write_events(connection, epoch, [(time.time(), "reset", "", {"units": count})])
        return count

    def take_requests(self, epoch: Epoch) -> list[RequestRecord]:
        """What was asked for since the last time, oldest first; nobody is told it again."""
        fresh = (requests.c.run == epoch.run) & requests.c.taken_epoch.is_(None)
        with self._transaction() as connection:
            if connection.execute(select(requests.c.seq).where(fresh).limit(1)).first() is None:
                return []
        with self._office(epoch) as connection:
            rows = connection.execute(select(requests).where(fresh).order_by(requests.c.seq)).all()
            taken = requests.c.run == epoch.run, requests.c.seq <= rows[-1].seq, requests.c.taken_epoch.is_(None)
            connection.execute(update(requests).where(*taken).values(taken_epoch=epoch.number))
        return [RequestRecord(row.seq, row.what, tuple(json.loads(row.unit_ids)), row.at) for row in rows]

    # --- anybody ----------------------------------------------------------------------------------------------

    def request(self, run_id: str, what: RequestWord, unit_ids: Iterable[str] = ()) -> None:
        """Ask the driver, present or next, for something; ``unit_ids`` empty means all."""
        told = {"what": what, "unit_ids": json.dumps(list(unit_ids)), "at": time.time()}
        run = self._number(run_id)
        with self._transaction(writes=True) as connection:
            connection.execute(requests.insert(), {"run": run, **told})

    def runs(self) -> list[RunRecord]:
        """Every run, the oldest first."""
        with self._transaction() as connection:
            return read_runs(connection)

    def run(self, run_id: str) -> RunRecord:
        """One run; SpecError when it is not in the ledger."""
        with self._transaction() as connection:
            found = read_runs(connection, run_id)
        if not found:
            raise SpecError("no such run in the ledger", where=name_of(self.url), got=run_id)
        return found[0]

    def units(
        self, run_id: str, stage: str | None = None, state: UnitState | None = None, *, outcomes: bool = True
    ) -> Iterator[UnitRecord]:
        """Stream units in the order of their ids; without ``outcomes`` a million take seconds."""
        run = self._number(run_id)
        last: str | None = ""
        while last is not None:
            with self._transaction() as connection:
                page, last = read_units(connection, run, stage, state, after=last, outcomes=outcomes)
            yield from page

    def unit(self, run_id: str, unit_id: str) -> UnitRecord | None:
        """One unit, or None."""
        run = self._number(run_id)
        with self._transaction() as connection:
            page, _ = read_units(connection, run, None, None, only=unit_id)
        return next(iter(page), None)

    def counts(self, run_id: str, stage: str | None = None) -> dict[UnitState, int]:
        """How many units are in each of the six states; the sum is the plan."""
        run = self._number(run_id)
        with self._transaction() as connection:
            return read_counts(connection, run, stage)

    def stages(self, run_id: str) -> list[str]:
        """The stages that have units."""
        run = self._number(run_id)
        with self._transaction() as connection:
            return list(
                connection.scalars(select(units.c.stage).where(units.c.run == run).distinct().order_by(units.c.stage))
            )

    def attempts(self, run_id: str, unit_id: str | None = None) -> list[AttemptRecord]:
        """The tries at one unit, or at all of them, in order."""
        run = self._number(run_id)
        with self._transaction() as connection:
            return read_attempts(connection, run, unit_id)

    def events(self, run_id: str, after_seq: int = 0, limit: int = 10_000) -> list[EventRecord]:
        """The next events after one that is known, at most ``limit``."""
        run = self._number(run_id)
        with self._transaction() as connection:
            return read_events(connection, run, after_seq, limit)

    # --- transactions -----------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        engine = self._engine.execution_options(writes=writes)
        with mapped(self.url), engine.begin() as connection:
            yield connection

    @contextmanager
    def _office(self, epoch: Epoch) -> Iterator[Connection]:
        if epoch.over:
            raise ResourceError("this driver has given the run up", where=epoch.run_id)
        with self._mutex, self._transaction(writes=True) as connection:
            row = select(runs.c.epoch).where(runs.c.number == epoch.run).with_for_update(key_share=True)
            if connection.execute(row).scalar() != epoch.number:
                raise ResourceError("another driver has taken over this run", where=epoch.run_id, do="stop this one")
            yield connection

    def _number(self, run_id: str) -> int:
        with self._transaction() as connection:
            number = connection.execute(select(runs.c.number).where(runs.c.run_id == run_id)).scalar()
        if number is None:
            raise SpecError("no such run in the ledger", where=name_of(self.url), got=run_id)
        return int(number)


def _make_folder(database: Path) -> None:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError("the ledger's folder cannot be made", where=database.name, got=error.strerror) from error
