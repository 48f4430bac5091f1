"""The tables of the ledger. A change here needs a new version and a migration in `schema`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text

SERIAL = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

schema_version = Table("scanmill_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("spec_yaml", Text, nullable=False),
    Column("cohort_digest", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("epoch", Integer, nullable=False),
)

units = Table(
    "units",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("unit_id", Text, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("started", Boolean, nullable=False),
    Column("suspect", Boolean, nullable=False),
    Column("worker", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("row_keys", Text, nullable=False),
    Column("outcome", Text),
    Index("units_by_state", "run", "stage", "state", "unit_id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("unit_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("leased_at", Float(53)),
    Column("started_at", Float(53)),
    Column("ended_at", Float(53)),
    Column("charged", Boolean, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("why", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("run", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit_id", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Index("events_by_run", "run", "seq"),
)

requests = Table(
    "requests",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("run", Integer, nullable=False),
    Column("what", Text, nullable=False),
    Column("unit_ids", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("taken_epoch", Integer),
    Index("requests_by_run", "run", "taken_epoch", "seq"),
)
