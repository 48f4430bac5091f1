"""The way to the database: SQLite on a local disk, or PostgreSQL; what they complain of becomes a ResourceError."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from scanmill.errors import ResourceError, SpecError
from scanmill.storage import is_network_filesystem

BUSY_S = 30
_ADVICE = {
    "disk is full": "free some space and resume",
    "no space left": "free some space on the database's disk and resume",
    "readonly": "make the file and its folder writable, or put the run elsewhere",
    "read-only": "make the database writable",
    "not a database": "the file is damaged: restore it, or start a new run",
    "malformed": "the file is damaged: restore it, or start a new run",
    "disk i/o": "check the disk",
    "locked": "another process has held the ledger for long: is its disk slow, or a copy in progress?",
    "unable to open": "does the folder exist, and may you write there?",
    "connection": "is the database server up, and is its address right?",
    "password": "check the user and the password in the ledger's address",
}


def parse_url(url_or_path: str | Path) -> URL:
    """A SQLAlchemy URL: of PostgreSQL through psycopg, or of an SQLite file.

    >>> parse_url("postgresql://me@db/scanmill").drivername, parse_url("runs/ledger.sqlite").drivername
    ('postgresql+psycopg', 'sqlite+pysqlite')
    """
    told = str(url_or_path)
    if "://" not in told:
        return URL.create("sqlite+pysqlite", database=str(Path(told).absolute()))
    try:
        url = make_url(told)
    except ArgumentError as error:
        raise SpecError("the ledger's address cannot be read", expected="postgresql://... or a path") from error
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite+pysqlite", database=str(Path(url.database).absolute()))
    raise SpecError("the ledger needs PostgreSQL or an SQLite file", got=url.drivername)


def name_of(url: URL) -> str:
    """What messages call the database: the file, or the address without its password."""
    if url.get_backend_name() == "sqlite":
        return Path(url.database or "").name
    return url.render_as_string(hide_password=True)


def connect(url: URL) -> Engine:
    """An engine whose commits are durable; nothing is opened yet. SQLite on a network disk is refused."""
    if url.get_backend_name() == "postgresql":
        connect_args = {"connect_timeout": 10, "application_name": "scanmill"}
        return create_engine(url, pool_pre_ping=True, connect_args=connect_args)
    if is_network_filesystem(url.database or ""):
        raise SpecError(
            "an SQLite ledger cannot live on a network file system",
            where=name_of(url),
            do="put it on a local disk, or use PostgreSQL (--ledger postgresql://...)",
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def mapped(url: URL) -> Iterator[None]:
    """Inside it the database's own errors become ResourceErrors that name it and say what to do."""
    try:
        yield
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        do = next((advice for word, advice in _ADVICE.items() if word in said.lower()), None)
        raise ResourceError(f"the ledger's database fails: {said[:200]}", where=name_of(url), do=do) from error
    except SQLAlchemyError as error:
        raise ResourceError(f"the ledger's database fails: {type(error).__name__}", where=name_of(url)) from error
