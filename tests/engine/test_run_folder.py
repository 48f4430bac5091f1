"""The run folder where its store is elsewhere, and where it is damaged."""

import shutil
from dataclasses import dataclass

import pytest

from scanmill.engine.run_folder import RunFolder, _mirror
from scanmill.engine.run_view import list_runs
from scanmill.storage.local_store import LocalStore


@dataclass(frozen=True)
class Remote:
    """A store that is elsewhere: staging makes a copy."""

    behind: LocalStore
    uri = "s3://bucket/run"

    def __getattr__(self, name):
        if name == "root":
            raise AttributeError(name)
        return getattr(self.behind, name)

    def stage(self, path, into):
        target = into / f"{self.behind.sha256(path)[:8]}-{path}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.behind.root / path, target)
        return target


@pytest.fixture
def machines(tmp_path, monkeypatch):
    """One run as two machines see it, each with a mirror of its own."""
    store = Remote(LocalStore(tmp_path / "bucket"))
    here = tmp_path / "one", tmp_path / "two"

    def at(number):
        here[number].mkdir(exist_ok=True)
        monkeypatch.setattr("tempfile.tempdir", str(here[number]))
        return RunFolder(_mirror(store.uri), store)

    return at


def test_a_mirror_shows_what_another_machine_has_written_since(machines):
    machines(0).write_json("stage.json", {"done": 1})
    assert machines(1).read_json("stage.json") == {"done": 1}
    machines(0).write_json("stage.json", {"done": 2})
    assert machines(1).read_json("stage.json") == {"done": 2}
    assert machines(1).read_json("nothing.json") == {}


def test_a_damaged_run_does_not_hide_the_others(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "run.json").write_text('{"format": 999}')
    assert [(run.run_id, run.status) for run in list_runs(tmp_path)] == [("bad", "unknown"), ("later", "unknown")]
