"""One driver per run: an exclusive lock that dies with its process, and the number that fences off its forerunners."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from weakref import WeakSet

from sqlalchemy import Connection, Engine, text

from scanmill.errors import ResourceError

POLL_S = 0.1


class Lock(Protocol):
    """Something held until it is released or its process ends."""

    def release(self) -> None:
        """Let the next driver in."""


class Epoch:
    """A driver's term of office over a run: its number stands beside everything it writes. A context manager."""

    def __init__(self, run_id: str, run: int, number: int, lock: Lock) -> None:
        self.run_id, self.run, self.number = run_id, run, number
        self._lock: Lock | None = lock

    @property
    def over(self) -> bool:
        """Whether it has been released."""
        return self._lock is None

    def release(self) -> None:
        """End it; the ledger takes nothing more from it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"Epoch({self.run_id!r}, {self.number})"


class FileLock:
    """`flock` on a file beside the database: gone with the process, and not inherited by a forked child."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        _HELD.add(self)

    def forget(self) -> None:
        """Close this process's end."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def release(self) -> None:
        """Unlock; the file stays, since removing it would let two drivers lock two files of one name."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.forget()


class AdvisoryLock:
    """A PostgreSQL advisory lock of a connection of its own; the server lets go when the connection breaks.

    A forked child would hold the connection open beyond its parent's death, so its end is turned into nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._socket: int = connection.connection.dbapi_connection.fileno()  # type: ignore[union-attr]
        _HELD.add(self)

    def forget(self) -> None:
        """In a forked child: turn the inherited end into nothing."""
        if self._connection is not None:
            nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(nothing, self._socket, inheritable=False)
            os.close(nothing)

    def release(self) -> None:
        """Close the connection, and the lock with it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_HELD: WeakSet[FileLock | AdvisoryLock] = WeakSet()
"""Locks whose end a forked child must forget; one callback for all of them, since callbacks cannot be taken back."""


def _forget_all() -> None:
    for lock in list(_HELD):
        lock.forget()


os.register_at_fork(after_in_child=_forget_all)


def take_lock(engine: Engine, run_id: str, wait_s: float) -> Lock:
    """The exclusive lock of a run; ResourceError while another driver lives (after ``wait_s`` seconds of trying)."""
    try_once: Callable[[Engine, str], Lock | None]
    try_once = _try_advisory if engine.dialect.name == "postgresql" else _try_file
    deadline = time.monotonic() + wait_s
    while True:
        lock = try_once(engine, run_id)
        if lock is not None:
            return lock
        if time.monotonic() >= deadline:
            raise ResourceError("another driver is at work on this run", where=run_id, do="wait for it, or cancel it")
        time.sleep(POLL_S)


def _try_file(engine: Engine, run_id: str) -> FileLock | None:
    database = Path(engine.url.database or "")
    name = f"{database.name}.{re.sub(r'[^A-Za-z0-9_.-]', '_', run_id)}.lock"
    try:
        descriptor = os.open(database.with_name(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ResourceError("the run's lock cannot be made", where=name, got=error.strerror) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return FileLock(descriptor)


def _try_advisory(engine: Engine, run_id: str) -> AdvisoryLock | None:
    key = int.from_bytes(hashlib.sha256(f"scanmill run {run_id}".encode()).digest()[:8], "big", signed=True)
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    for name, value in (("idle", 10), ("interval", 5), ("count", 3)):
        connection.execute(text(f"SELECT set_config('tcp_keepalives_{name}', '{value}', false)"))
    if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
        return AdvisoryLock(connection)
    connection.close()
    return None
