import errno
import os
import shutil
from pathlib import Path

import pytest

from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.storage import open_store
from store_contract import StoreContract


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "a root" / "ä%41")


class TestLocalStore(StoreContract):
    @pytest.fixture
    def reopen(self):
        return open_store

    def test_staging_copies_nothing(self, store, tmp_path):
        store.put_bytes(b".", "a/b")
        assert store.stage("a/b", tmp_path / "scratch") == store.root / "a" / "b"
        assert not (tmp_path / "scratch").exists()

    def test_free_bytes_before_the_root_exists(self, store, tmp_path):
        assert store.free_bytes() == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.01)


def test_links_may_not_lead_out(store, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    store.put_bytes(b"inside", "real/file")
    (store.root / "link").symlink_to(secret)
    (store.root / "up").symlink_to(tmp_path)
    (store.root / "good").symlink_to(store.root / "real")
    for path in ("link", "up/secret"):
        with pytest.raises(InputError, match="leads out of its root"):
            store.get_bytes(path)
    with pytest.raises(InputError, match="leads out of its root"):
        store.put_bytes(b"changed", "up/secret")
    with pytest.raises(InputError, match="leads out of its root"):
        store.delete("up/secret")
    assert secret.read_bytes() == b"secret"
    assert store.get_bytes("good/file") == b"inside"


def test_deleting_a_link_spares_its_target(store):
    store.put_bytes(b".", "real")
    (store.root / "link").symlink_to(store.root / "real")
    store.delete("link")
    assert store.list() == ["real"]


def test_a_name_appears_only_after_file_and_folders_are_on_the_disk(store, monkeypatch):
    story = []
    sync, replace = os.fsync, Path.replace

    def told_sync(descriptor):
        story.append(Path(f"/proc/self/fd/{descriptor}").resolve())
        sync(descriptor)

    def told_replace(part, target):
        story.append("named")
        return replace(part, target)

    monkeypatch.setattr(os, "fsync", told_sync)
    monkeypatch.setattr(Path, "replace", told_replace)
    store.root.mkdir(parents=True)
    store.put_bytes(b".", "new/folder/file")
    named = story.index("named")
    assert story[:2] == [store.root, store.root / "new"]
    assert story[named - 1].parent == story[named + 1] == store.root / "new" / "folder"


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "denies"), (errno.EIO, "Input/output")],
)
def test_the_disks_faults_are_the_machines(store, monkeypatch, number, words):
    def fail(_):
        raise OSError(number, os.strerror(number), "/home/someone/private")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ResourceError, match=words) as caught:
        store.put_bytes(b".", "a/b")
    assert "private" not in str(caught.value)
    assert "a/b" in str(caught.value)
    monkeypatch.undo()
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_full_disk(store, tmp_path, monkeypatch):
    (tmp_path / "source").write_bytes(b"much")
    monkeypatch.setattr("scanmill.storage.local_store.PART_PREFIX", "")
    monkeypatch.setattr("scanmill.storage.local_store._copy", lambda _, out: _write_to_the_full_device())
    with pytest.raises(ResourceError, match="the disk is full"):
        store.put_file(tmp_path / "source", "a")


def _write_to_the_full_device():
    with Path("/dev/full").open("wb", buffering=0) as device:
        device.write(b"much")


def test_half_written_files_are_not_listed(store):
    store.put_bytes(b".", "a")
    (store.root / ".scanmill-part-0").write_bytes(b"half")
    assert store.list() == ["a"]


def test_a_root_that_is_away_is_the_machines_fault(store):
    with pytest.raises(ResourceError, match="away"):
        store.get_bytes("a")


@pytest.mark.parametrize(
    "uri", ["http://example.org/a", "s3://", "s3://key:secret@host/bucket", "s3://a/../b", "gs://b"]
)
def test_other_uris_are_refused_without_quoting_them(uri):
    with pytest.raises(SpecError) as caught:
        open_store(uri)
    assert "secret" not in str(caught.value)


def test_a_relative_folder_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_store("runs").url("a") == f"file://{tmp_path}/runs/a"
