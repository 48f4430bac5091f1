import os
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanmill.errors import InputError, SpecError
from scanmill.storage import Roots
from scanmill.storage.confined import confined

pieces = st.lists(st.sampled_from(["..", ".", "a", "", "b c", "~", "C:", "\\", "\0", "é", "..a", "a.."]), max_size=6)


@given(st.one_of(st.text(max_size=40), pieces.map("/".join)))
@example("..")
@example("a/../b")
@example("/")
@example("\ud800")
def test_what_passes_stays_below_the_root(path):
    try:
        confined(path)
    except InputError:
        return
    joined = os.path.normpath(os.path.join("/root/folder", path))  # noqa: PTH118
    assert joined == f"/root/folder/{path}"
    assert PurePosixPath(joined).parts[:3] == ("/", "root", "folder")


@given(st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,8}", fullmatch=True), min_size=1, max_size=5))
def test_ordinary_paths_pass(parts):
    assert confined("/".join(parts)) == "/".join(parts)


def test_a_long_path_is_refused():
    with pytest.raises(InputError, match="1026"):
        confined("é" * 513)


def test_the_environment_moves_a_root(monkeypatch, tmp_path):
    roots = Roots({"raw-data": "/nowhere"})
    monkeypatch.setenv("SCANMILL_ROOT_RAW_DATA", str(tmp_path))
    store, path = roots.locate(Roots.join("raw-data", "ct/tooth.h5"))
    assert (store.uri, path) == (f"file://{tmp_path}", "ct/tooth.h5")
    assert Roots().with_root("new", "s3://b/c").store("new").uri == "s3://b/c"


def test_an_unknown_root_names_the_variable_to_set():
    with pytest.raises(SpecError, match="set SCANMILL_ROOT_SCANS"):
        Roots({"data": "/data"}).store("scans")


@pytest.mark.parametrize("uri", ["nothing", ":a", "data:../x", "data:/x"])
def test_a_bad_name_is_refused(uri):
    with pytest.raises((SpecError, InputError)):
        Roots({"data": "/data"}).locate(uri)
