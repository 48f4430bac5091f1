"""The reuse key: what changes it, and what does not."""

import sys
from dataclasses import replace

import pytest

from scanmill.engine import closure as closure_module
from scanmill.engine import reuse
from scanmill.engine.closure import closure, closure_hash
from scanmill.engine.stage_steps import bind
from scanmill.engine.task import FileRef, RowData, StepCall, Task
from scanmill.engine.unit import Unit
from scanmill.errors import SpecError

CALLS = (StepCall("t.read"), StepCall("t.scale", {"factor": 2.0}), StepCall("t.save"))


def key(calls=CALLS, **changes):
    row = RowData("r1", {"row_key": "r1", "KVP": 120.0}, (FileRef("image", "data", "a.npy", "0" * 64, 5, "npy"),))
    task = Task(Unit("u1", "main", "rows", ("r1",), seed=1), 1, 1, "w1", (row,))
    return reuse.reuse_key(reuse.stage_key(bind(calls), "cpu"), replace(task, **changes))


def changed_row(**columns):
    row = RowData("r1", {"row_key": "r1", "KVP": 120.0, **columns}, ())
    return (replace(row, files=(FileRef("image", "data", "a.npy", "0" * 64, 5, "npy"),)),)


def test_attempt_worker_and_names_of_the_row_do_not_count():
    assert key() == key(attempt=4, worker="w9", epoch=3)
    assert key() == key(rows=changed_row(row_key="other", patient_key="p"))


def test_where_a_file_lies_does_not_count_but_its_content_does():
    row = changed_row()[0]
    moved = replace(row.files[0], root="elsewhere", path="b/c.npy")
    assert key() == key(rows=(replace(row, files=(moved,)),))
    assert key() != key(rows=(replace(row, files=(replace(moved, sha256="1" * 64),)),))


def test_to_a_data_card_the_names_of_files_count_but_not_their_root():
    row = changed_row()[0]
    raw = replace(row.files[0], reader="card", path="scan/view_001.tif")
    keys = {
        key(rows=(replace(row, files=(replace(raw, root=root, path=path),)),))
        for root in ("data", "elsewhere")
        for path in ("scan/view_001.tif", "scan/view_002.tif")
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    "calls",
    [
        (StepCall("t.read"), StepCall("t.scale", {"factor": 3.0}), StepCall("t.save")),
        (StepCall("t.read"), StepCall("t.scale", {"factor": 2.0}, out={"image": "twice"}), StepCall("t.save")),
        (StepCall("t.read"), StepCall("t.save")),
    ],
)
def test_parameters_wiring_and_steps_count(calls):
    assert key() != key(calls)


def test_columns_and_seed_count():
    assert key() != key(rows=changed_row(KVP=80.0))
    assert key() != key(unit=Unit("u1", "main", "rows", ("r1",), seed=2))


def test_defaults_written_out_change_nothing():
    assert key() == key((StepCall("t.read"), StepCall("t.scale", {"factor": 2.0, "noise": 0.0}), StepCall("t.save")))


def test_a_library_of_another_version_counts(monkeypatch):
    before = key()
    monkeypatch.setattr(reuse, "library_versions", lambda: {"numpy": "9.9"})
    assert key() != before


def test_the_closure_is_what_a_step_can_import():
    found = closure("scanmill.steps.save")
    assert {"scanmill.steps.save", "scanmill.steps.contract", "scanmill.arrays", "scanmill", "scanmill.errors"} <= found
    assert not any(name.startswith(("scanmill.engine", "scanmill.cli", "scanmill.report")) for name in found)
    assert "scanmill_teststeps" in closure("scanmill_teststeps")


def test_an_edit_of_the_source_counts_and_an_edit_beside_it_does_not(tmp_path, monkeypatch):
    package = tmp_path / "edited_steps"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from edited_steps.b import g\n    return g\n")
    (package / "b.py").write_text("g = 1\n")
    (package / "c.py").write_text("unused = 1\n")
    (package / "README.md").write_text("words")
    monkeypatch.syspath_prepend(tmp_path)

    def fresh():
        for cached in (closure_hash, closure, closure_module._mentions, closure_module._source):
            cached.cache_clear()
        return closure_hash("edited_steps.a")

    before = fresh()
    (package / "README.md").write_text("other words")
    (package / "c.py").write_text("unused = 2\n")
    assert fresh() == before
    (package / "b.py").write_text("g = 2\n")
    assert fresh() != before
    assert "edited_steps" not in sys.modules


def test_steps_out_of_order_are_refused():
    with pytest.raises(SpecError, match="out of order"):
        bind((StepCall("t.read"), StepCall("t.save"), StepCall("t.scale")))
