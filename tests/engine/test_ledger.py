"""The ledger on both databases, and what each of them has to itself."""

from __future__ import annotations

import os
import sqlite3
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from engine.ledger_contract import DONE, LedgerContract, ended, units
from scanmill.engine.ledger import Ledger, schema
from scanmill.engine.ledger.database import parse_url
from scanmill.engine.ledger.outcome_text import outcome_from_text, outcome_to_text
from scanmill.engine.outcome import Outcome
from scanmill.errors import ResourceError, SpecError

POSTGRES = os.environ.get("SCANMILL_TEST_POSTGRES", "")


class TestSqlite(LedgerContract):
    @pytest.fixture
    def address(self, tmp_path):
        return str(tmp_path / "runs" / "ledger.sqlite")

    def test_commits_are_durable(self, ledger, address):
        with ledger._engine.connect() as connection:
            told = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
        assert told == ["wal", 2]

    def test_a_full_disk_is_a_resource_error_and_loses_nothing(self, ledger, epoch):
        ledger.add_units(epoch, units(10))
        limit_pages(ledger)
        with pytest.raises(ResourceError, match=r"full.*free some space"):
            ledger.add_units(epoch, units(20_000, "more"))
        unlimit_pages(ledger)
        ledger.apply(epoch, [ended("main-000000", "done", DONE)], 1.0)
        assert ledger.counts("run-1", "main") == dict(ledger.counts("run-1", "main"), done=1, waiting=9)

    def test_a_read_only_database_is_a_resource_error(self, ledger, epoch):
        ledger.add_units(epoch, units(1))
        with ledger._engine.connect() as connection:
            connection.execute(text("PRAGMA query_only=ON"))
        with pytest.raises(ResourceError, match=r"ledger\.sqlite.*writable"):
            ledger.apply(epoch, [ended("main-000000", "done", DONE)], 1.0)

    @pytest.mark.parametrize("content", [b"this is not a database " * 400, b"SQLite format 3\0" + bytes(5000)])
    def test_a_damaged_file_is_named(self, tmp_path, content):
        path = tmp_path / "broken.sqlite"
        path.write_bytes(content)
        with pytest.raises(ResourceError, match=r"broken\.sqlite.*damaged"):
            Ledger.open(path)

    def test_damage_within_is_named(self, ledger, epoch, address):
        ledger.add_units(epoch, units(2000))
        epoch.release()
        ledger.close()
        with Path(address).open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            for page in range(3 * 4096, size, 4096):
                file.seek(page)
                file.write(b"\xff" * 4096)
        with Ledger.open(address) as again, pytest.raises(ResourceError, match=r"ledger\.sqlite.*damaged"):
            list(again.units("run-1"))

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ResourceError, match="cannot be made"):
            Ledger.open(tmp_path / "file" / "ledger.sqlite")

    def test_a_url_of_sqlite_is_a_path(self, tmp_path):
        with Ledger.open(f"sqlite:///{tmp_path}/a.sqlite"):
            assert (tmp_path / "a.sqlite").is_file()

    def test_a_network_file_system_is_refused_with_advice(self, tmp_path, monkeypatch):
        table = tmp_path / "mounts"
        table.write_text(f"/dev/sda / ext4 rw 0 0\nnas:/x {tmp_path} nfs4 rw 0 0\n")
        monkeypatch.setattr("scanmill.storage.mounts.MOUNTS", table)
        with pytest.raises(SpecError, match=r"network file system.*postgresql"):
            Ledger.open(tmp_path / "deep" / "ledger.sqlite")

    def test_epochs_locks_lie_beside_the_file(self, ledger, epoch, address):
        assert Path(f"{address}.run-1.lock").is_file()


@pytest.mark.postgres
@pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL: set SCANMILL_TEST_POSTGRES to its address")
class TestPostgres(LedgerContract):
    @pytest.fixture
    def address(self):
        """A database of its own, gone afterwards."""
        name = f"scanmill_test_{uuid.uuid4().hex[:12]}"
        url = parse_url(POSTGRES)
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield url.set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()

    def test_a_server_that_closes_connections_is_a_resource_error_and_comes_back(self, ledger, epoch):
        ledger.add_units(epoch, units(1))
        with pytest.raises(ResourceError, match="connection"), ledger._transaction() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()")
            )
        ledger.apply(epoch, [ended("main-000000", "done", DONE)], 1.0)
        assert ledger.counts("run-1")["done"] == 1

    def test_commits_wait_for_the_disk(self, ledger):
        with ledger._transaction() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() in {"on", "remote_apply", "local"}

    def test_a_password_is_never_shown(self, address):
        url = parse_url(address).set(password="s3cret", port=1)
        with pytest.raises(ResourceError) as raised:
            Ledger.open(url.render_as_string(hide_password=False))
        assert "s3cret" not in str(raised.value)
        assert "server up" in str(raised.value)


# --- addresses, disks, versions


@pytest.mark.parametrize("url", ["mysql://db/scanmill", "sqlite://", "sqlite:///:memory:", "://"])
def test_other_databases_are_refused(url):
    with pytest.raises(SpecError, match="ledger"):
        Ledger.open(url)


def test_a_ledger_of_a_later_scanmill_is_refused(tmp_path):
    Ledger.open(tmp_path / "l.sqlite").close()
    connection = sqlite3.connect(tmp_path / "l.sqlite")
    connection.execute("UPDATE scanmill_schema SET version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(SpecError, match=r"later Scanmill.*99.*upgrade"):
        Ledger.open(tmp_path / "l.sqlite")


def test_an_older_ledger_is_migrated_once_and_keeps_what_it_has(tmp_path, monkeypatch):
    path = tmp_path / "l.sqlite"
    with Ledger.open(path) as ledger:
        ledger.create_run("run-1", "a", "b", "c")
    calls = []

    def migrate(connection):
        calls.append(connection)
        connection.execute(text("ALTER TABLE runs ADD COLUMN owner TEXT NOT NULL DEFAULT ''"))

    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(schema, "MIGRATIONS", {2: migrate})
    for _ in range(2):
        with Ledger.open(path) as ledger:
            assert ledger.run("run-1").name == "a"
            assert "owner" in {column["name"] for column in inspect(ledger._engine).get_columns("runs")}
    assert len(calls) == 1


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "l.sqlite"
    Ledger.open(path).close()

    def migrate(connection):
        connection.execute(text("ALTER TABLE runs ADD COLUMN owner TEXT"))
        connection.execute(text("ALTER TABLE nonsense ADD COLUMN owner TEXT"))

    monkeypatch.setattr(schema, "MIGRATIONS", {2: migrate})
    with monkeypatch.context() as later:
        later.setattr(schema, "VERSION", 2)
        with pytest.raises(ResourceError, match="nonsense"):
            Ledger.open(path)
    with Ledger.open(path) as ledger:
        assert "owner" not in {column["name"] for column in inspect(ledger._engine).get_columns("runs")}


@pytest.mark.parametrize("outcome", [Outcome(), DONE, Outcome("Timeout", "read took longer", retryable=True, tile=0.5)])
def test_outcomes_survive_as_text_and_unknown_words_are_passed_over(outcome):
    text_ = outcome_to_text(outcome)
    assert repr(outcome_from_text(text_)) == repr(outcome)
    later = text_.replace("{", '{"of a later version":1' + ("," if text_ != "{}" else ""), 1)
    assert repr(outcome_from_text(later)) == repr(outcome)


def limit_pages(ledger):
    """As if the disk were full: the file may not grow."""
    with ledger._engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count=1"))


def unlimit_pages(ledger):
    with ledger._engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count=1073741823"))


def test_who_asks_again_and_again_whether_a_driver_lives_leaves_nothing_behind(tmp_path, monkeypatch):
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.create_run("r", "r", "", "")
        left = []
        monkeypatch.setattr("os.register_at_fork", lambda **callbacks: left.append(callbacks))
        assert not ledger.driver_lives("r")
        with ledger.begin("r"):
            assert ledger.driver_lives("r")
        assert not left
