"""The version of the ledger's tables, and the numbered migrations that bring an older ledger up to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, func, inspect, select, text

from scanmill.engine.ledger.tables import metadata, schema_version
from scanmill.errors import SpecError

VERSION = 1
Migration = Callable[[Connection], None]
MIGRATIONS: Mapping[int, Migration] = {}
"""``MIGRATIONS[n]`` turns version n - 1 into version n, inside the caller's transaction."""

_OPENING = 0x5CA7_0001


def bring_up_to_date(connection: Connection, where: str) -> None:
    """Create the tables in an empty database, migrate an older ledger; SpecError for one of a later Scanmill."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _OPENING})
    if not inspect(connection).has_table(schema_version.name):
        metadata.create_all(connection)
        connection.execute(schema_version.insert(), {"version": VERSION})
        return
    found = connection.execute(select(func.max(schema_version.c.version))).scalar() or 0
    if found > VERSION:
        raise SpecError(
            "the ledger was written by a later Scanmill",
            where=where,
            expected=f"schema {VERSION} or earlier",
            got=found,
            do="upgrade Scanmill",
        )
    for version in range(found + 1, VERSION + 1):
        MIGRATIONS[version](connection)
        connection.execute(schema_version.update(), {"version": version})
