"""What every store promises: subclass StoreContract and give it a ``store`` fixture."""

import hashlib
import os
import pickle
from functools import partial

import pytest

from scanmill.errors import InputError

OUTSIDE = [
    "",
    "/etc/passwd",
    "../secret",
    "a/../../secret",
    "a//b",
    "./a",
    "a/.",
    "c:/a",
    "s3://a/b",
    "a\\..\\b",
    "a\0b",
]


class StoreContract:
    """The tests; ``store`` must be empty."""

    def test_bytes_come_back(self, store):
        store.put_bytes(b"first", "a/b/c.bin")
        store.put_bytes(b"second", "a/b/c.bin")
        assert store.get_bytes("a/b/c.bin") == b"second"
        assert store.exists("a/b/c.bin")
        assert not store.exists("a/b")
        assert not store.exists("a/b/d.bin")
        assert store.size("a/b/c.bin") == 6

    def test_an_empty_file_is_a_file(self, store):
        store.put_bytes(b"", "empty")
        assert (store.get_bytes("empty"), store.size("empty"), store.list()) == (b"", 0, ["empty"])

    def test_a_file_and_its_digest(self, store, tmp_path):
        content = os.urandom(3 * 2**20 + 17)
        (tmp_path / "scan.nii.gz").write_bytes(content)
        store.put_file(tmp_path / "scan.nii.gz", "unit/1/scan.nii.gz")
        assert store.get_bytes("unit/1/scan.nii.gz") == content
        assert store.sha256("unit/1/scan.nii.gz") == hashlib.sha256(content).hexdigest()

    def test_staging_keeps_the_name_and_does_its_work_once(self, store, tmp_path):
        store.put_bytes(b"one", "x/scan.nii.gz")
        first = store.stage("x/scan.nii.gz", tmp_path / "scratch")
        assert (first.name, first.read_bytes()) == ("scan.nii.gz", b"one")
        stamp = first.stat().st_mtime_ns
        again = store.stage("x/scan.nii.gz", tmp_path / "scratch")
        assert (again, again.stat().st_mtime_ns) == (first, stamp)
        store.put_bytes(b"two", "x/scan.nii.gz")
        assert store.stage("x/scan.nii.gz", tmp_path / "scratch").read_bytes() == b"two"

    def test_two_files_of_one_name_are_staged_apart(self, store, tmp_path):
        store.put_bytes(b"same", "x/scan.npy")
        store.put_bytes(b"same", "y/scan.npy")
        staged = {store.stage(path, tmp_path / "scratch") for path in ("x/scan.npy", "y/scan.npy")}
        assert len(staged) == 2

    def test_the_list_is_deep_sorted_and_by_folder(self, store):
        for path in ("b/2", "b/1/x", "bb/1", "a", "ä ö/%41+?.dcm"):
            store.put_bytes(b".", path)
        assert store.list() == ["a", "b/1/x", "b/2", "bb/1", "ä ö/%41+?.dcm"]
        assert store.list("b") == ["b/1/x", "b/2"]
        assert store.list("nowhere") == []
        assert store.get_bytes("ä ö/%41+?.dcm") == b"."

    def test_deleting_twice_is_fine(self, store):
        store.put_bytes(b".", "a/b")
        store.delete("a/b")
        store.delete("a/b")
        store.delete("never/was")
        assert store.list() == []

    def test_a_missing_file_is_bad_input(self, store, tmp_path):
        store.put_bytes(b".", "folder/file")
        for path in ("nothing", "folder", "folder/file/below"):
            for act in (store.get_bytes, store.size, store.sha256, lambda path: store.stage(path, tmp_path)):
                with pytest.raises(InputError, match="no such file"):
                    act(path)

    def test_a_file_larger_than_asked_for_is_refused(self, store):
        store.put_bytes(b"12345", "five")
        assert store.get_bytes("five", max_bytes=5) == b"12345"
        with pytest.raises(InputError, match="at most 4 bytes"):
            store.get_bytes("five", max_bytes=4)

    def test_no_path_leaves_the_root(self, store, tmp_path):
        acts = [store.get_bytes, store.exists, store.size, store.delete, store.sha256, store.url]
        acts += [partial(store.put_bytes, b""), lambda path: store.stage(path, tmp_path)]
        for path in OUTSIDE:
            for act in acts:
                with pytest.raises(InputError, match="may not leave its root"):
                    act(path)

    def test_it_travels_to_other_processes(self, store):
        store.put_bytes(b"here", "a")
        there = pickle.loads(pickle.dumps(store))
        assert (there, there.get_bytes("a"), there.uri) == (store, b"here", store.uri)

    def test_its_uri_opens_it_again(self, store, reopen):
        store.put_bytes(b"here", "a b/c")
        assert reopen(store.uri).get_bytes("a b/c") == b"here"
        assert store.url("a b/c").startswith(store.uri + "/")
