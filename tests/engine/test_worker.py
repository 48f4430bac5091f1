"""One worker, no driver: phases, outcomes, files, overlap."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanmill.engine.execute import Site
from scanmill.engine.messages import PhaseEnded, PhaseStarted, UnitEnded
from scanmill.engine.task import FileRef, RowData, StageWork, StepCall, Task
from scanmill.engine.unit import Unit
from scanmill.engine.worker import Worker
from scanmill.errors import SpecError
from scanmill.storage import open_store
from scanmill.storage.local_store import LocalStore

STEPS = (StepCall("t.read"), StepCall("t.scale", {"factor": 3.0}), StepCall("t.fault"), StepCall("t.save"))


@pytest.fixture
def mill(tmp_path, make_cohort):
    """A function: run these rows through these steps, give (events, store)."""

    def run(n=3, faults=None, steps=STEPS, kind="rows", groups=None, attempt=1, meanwhile=lambda: None, **more):
        cohort = make_cohort(n, faults)
        meanwhile()
        store = open_store(tmp_path / "run")
        events, done = [], threading.Event()
        groups = groups or [[i] for i in range(n)]

        def hear(event):
            events.append(event)
            if sum(isinstance(e, UnitEnded) for e in events) == len(groups):
                done.set()

        worker = Worker("w1", Site("here/cpu:0", "here", cache=tmp_path / "cache"), hear)
        worker.set_stage(StageWork("run", "main", kind, steps, store.uri, dict(cohort.roots)))
        worker.submit([_task(cohort, group, kind, attempt, **more) for group in groups])
        assert done.wait(20)
        worker.stop(None)
        return events, store

    return run


def _task(cohort, numbers, kind, attempt, **more):
    rows = []
    for number in numbers:
        key = f"r{number:04d}"
        refs = [
            FileRef(f["role"], f["root"], f["path"], f["sha256"], f["bytes"], f["reader"]) for f in cohort.files_of(key)
        ]
        rows.append(RowData(key, cohort.row(key), tuple(refs)))
    keys = tuple(row.row_key for row in rows)
    return Task(Unit("ab" + "-".join(keys), "main", kind, keys, seed=7), attempt, 2, "w1", tuple(rows), **more)


def outcomes(events):
    return {event.unit_id: event.outcome for event in events if isinstance(event, UnitEnded)}


def test_a_row_goes_through_its_phases_and_its_file_is_in_place(mill):
    events, store = mill(1)
    words = [(type(e).__name__, e.phase) for e in events if isinstance(e, PhaseStarted | PhaseEnded)]
    assert words == [
        ("PhaseStarted", "read"),
        ("PhaseEnded", "read"),
        ("PhaseStarted", "compute"),
        ("PhaseEnded", "compute"),
        ("PhaseStarted", "write"),
    ]
    (outcome,) = outcomes(events).values()
    assert outcome.done
    assert outcome.metrics == {"mean": 0.0}
    assert outcome.warnings == ("scaled",)
    assert {"read", "compute", "write", "t.scale", "t.save", "commit"} <= set(outcome.seconds)
    image, picture = outcome.artifacts
    assert image.path == "artifacts/ab/abr0000/1-2-w1/image.npy"
    assert store.sha256(image.path) == image.sha256
    assert image.digest
    assert (picture.output, picture.kind) == ("thumb", "png")
    assert outcome.device == "here/cpu:0"
    assert len(outcome.reuse_key) == 64


@pytest.mark.parametrize(
    ("fault", "error_class", "retryable"),
    [
        ("raise", "ValueError", True),
        ("input", "InputError", False),
        ("diverge", "ConvergenceError", False),
        ("resource", "ResourceError", True),
        ("full", "ResourceError", True),
        ("memory", "ResourceError", True),
        ("sysexit", "SystemExit", True),
        ("oom", "ResourceError", True),
        ("no_output", "IsADirectoryError", True),
    ],
)
def test_an_exception_becomes_an_outcome_and_the_neighbours_are_untouched(mill, fault, error_class, retryable):
    events, store = mill(3, {1: fault})
    ended = outcomes(events)
    assert [ended[f"abr{i:04d}"].done for i in range(3)] == [True, False, True]
    bad = ended["abr0001"]
    assert (bad.error_class, bad.retryable) == (error_class, retryable)
    log = store.get_bytes("logs/ab/abr0001/1-2-w1.txt").decode()
    assert "scanmill_teststeps.py" in log
    for text in (bad.error, log):
        assert "DOE" not in text
        assert "doe" not in text
        assert str(Path(__file__).parents[2]) not in text


def test_a_step_that_finds_its_result_unfit_fails_the_row_and_leaves_its_numbers_and_pictures(mill):
    events, store = mill(2, {1: "unfit"})
    good, bad = outcomes(events)["abr0000"], outcomes(events)["abr0001"]
    assert good.done
    assert (bad.error_class, bad.retryable) == ("ConvergenceError", False)
    assert bad.metrics == {"mean": 3.0, "gain": -1.0}
    assert {(one.output, one.kind) for one in bad.artifacts} == {("thumb", "png"), ("why", "png")}
    assert all(store.sha256(one.path) == one.sha256 for one in bad.artifacts)
    assert "no better than at the start" in bad.error


def test_out_of_device_memory_asks_for_smaller_tiles_then_for_the_device(mill):
    events, _ = mill(1, {0: "oom"})
    assert outcomes(events)["abr0000"].tile == 0.5
    events, _ = mill(1, {0: "oom"}, tile=0.5)
    assert outcomes(events)["abr0000"].done


def test_a_file_that_changed_since_the_cohort_was_frozen_is_bad_input(mill, tmp_path):
    target = tmp_path / "data" / "r0001.npy"
    events, _ = mill(2, meanwhile=lambda: np.save(target, np.full((4, 4), 99.0)))
    ended = outcomes(events)
    assert ended["abr0000"].done
    assert ended["abr0001"].error_class == "InputError"
    assert "changed since the cohort was frozen" in ended["abr0001"].error
    assert re.search(r" file [0-9a-f]{8}\.npy", ended["abr0001"].error)


def test_a_group_gives_tuples_to_ports_with_many(mill):
    steps = (StepCall("t.read"), StepCall("t.sum"), StepCall("t.save"))
    events, store = mill(4, steps=steps, kind="groups", groups=[[0, 1, 3]])
    (outcome,) = outcomes(events).values()
    assert outcome.metrics == {"n": 3.0}
    assert np.load(Path(store.root) / outcome.artifacts[0].path).tolist() == np.full((4, 4), 4.0).tolist()


def test_a_group_of_several_is_refused_by_a_port_for_one(mill):
    steps = (StepCall("t.read"), StepCall("t.scale"), StepCall("t.save"))
    events, _ = mill(2, steps=steps, kind="groups", groups=[[0, 1]])
    (outcome,) = outcomes(events).values()
    assert outcome.error_class == "InputError"


def test_partials_are_files_and_the_last_one_finishes(mill):
    steps = (StepCall("t.read"), StepCall("t.mean"), StepCall("t.save", {"name": "template"}))
    events, _ = mill(4, steps=steps, kind="reduce", groups=[[0, 1], [2, 3]])
    partials = [outcome.artifacts[0] for outcome in outcomes(events).values()]
    assert [partial.output for partial in partials] == ["partial", "partial"]
    refs = tuple(FileRef("partial", "@run", a.path, a.sha256, a.bytes) for a in partials)
    events, store = mill(4, steps=steps, kind="reduce", groups=[[]], partials=refs, finish=True)
    (outcome,) = outcomes(events).values()
    assert outcome.metrics == {"n": 4.0}
    assert np.load(Path(store.root) / outcome.artifacts[0].path).mean() == 1.5


def test_reading_computing_and_writing_overlap(mill):
    nap = 0.1
    steps = tuple(StepCall(f"t.{word}", {"seconds": nap}) for word in ("sleep_read", "sleep", "sleep_write"))
    started = time.monotonic()
    mill(10, steps=steps)
    assert 1.2 - 0.05 < time.monotonic() - started < 2.2  # one after another: 3.0


def test_the_same_seed_gives_the_same_bytes(mill):
    steps = (StepCall("t.read"), StepCall("t.scale", {"noise": 1.0}), StepCall("t.save"))
    first, second = (outcomes(mill(1, steps=steps, attempt=k)[0])["abr0000"] for k in (1, 2))
    assert first.artifacts[0].sha256 == second.artifacts[0].sha256
    assert first.artifacts[0].path != second.artifacts[0].path
    assert first.reuse_key == second.reuse_key


def two_stages(tmp_path, cohort, second):
    """A worker at stage ``main``, and (work, task) of another stage."""
    events, done = [], threading.Event()

    def hear(event):
        events.append(event)
        if isinstance(event, UnitEnded):
            done.set()

    worker = Worker("w1", Site("here/cpu:0", "here", cache=tmp_path / "cache"), hear)
    store = open_store(tmp_path / "run").uri
    worker.set_stage(StageWork("run", "main", "rows", STEPS, store, dict(cohort.roots)))
    task = _task(cohort, [len(cohort) - 1], "rows", 1)
    task = replace(task, unit=replace(task.unit, stage="second"))
    return worker, StageWork("run", "second", "rows", second, store, dict(cohort.roots)), task, events, done


def test_tasks_that_overtake_their_stage_wait_for_it_and_never_go_through_the_steps_of_another(tmp_path, make_cohort):
    second = (StepCall("t.read"), StepCall("t.scale", {"factor": 5.0}), StepCall("t.save"))
    worker, work, task, events, done = two_stages(tmp_path, make_cohort(2), second)
    bringing = threading.Thread(target=worker.submit, args=([task],))
    bringing.start()
    assert not done.wait(0.3)
    worker.set_stage(work)
    assert done.wait(20)
    bringing.join()
    worker.stop(None)
    assert outcomes(events)[task.unit.unit_id].metrics == {"mean": 5.0}


def test_a_worker_that_cannot_take_a_stage_over_gives_its_units_back(tmp_path, make_cohort):
    worker, work, task, events, done = two_stages(tmp_path, make_cohort(2), (StepCall("t.nowhere"),))
    with pytest.raises(SpecError):
        worker.set_stage(work)
    worker.submit([task])
    assert done.wait(20)
    worker.stop(None)
    outcome = outcomes(events)[task.unit.unit_id]
    assert (outcome.error_class, outcome.retryable) == ("ResourceError", True)


def test_neither_messages_nor_logs_name_a_file_or_its_folders(mill, tmp_path, make_cohort):
    cohort = make_cohort(1)
    task = _task(cohort, [0], "rows", 1)
    file = replace(task.rows[0].files[0], path="DOE_JOHN/2019/DOE.npy")
    task = replace(task, rows=(replace(task.rows[0], files=(file,)),))
    worker, _, _, events, done = two_stages(tmp_path, cohort, ())
    worker.submit([task])
    assert done.wait(20)
    worker.stop(None)
    log = open_store(tmp_path / "run").get_bytes(f"logs/{task.folder}.txt").decode()
    error = outcomes(events)[task.unit.unit_id].error
    assert re.search(r" file [0-9a-f]{8}\.npy", error)
    assert "there is no such file" in log
    assert "DOE" not in error + log


def test_what_a_remote_store_gives_is_gone_with_the_attempt_and_nobody_else_sees_it(mill, tmp_path, monkeypatch):
    modes = []

    def stage(store, path, into):
        target = into / "version" / Path(path).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(store.get_bytes(path))
        modes.append(into.parent.stat().st_mode & 0o077)
        modes.append(into.parent.parent.stat().st_mode & 0o077)
        return target

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(LocalStore, "stage", stage)
    events, _ = mill(3)
    assert all(outcome.done for outcome in outcomes(events).values())
    assert len(modes) == 6
    assert 0 in modes[:2]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_stage_that_comes_while_a_worker_prepares_is_the_one_it_works_on(tmp_path, make_cohort, monkeypatch):
    from scanmill.engine import ray_worker

    cohort = make_cohort(2)
    second = (StepCall("t.read"), StepCall("t.scale", {"factor": 5.0}), StepCall("t.save"))
    _, work, task, _, _ = two_stages(tmp_path, cohort, second)
    first = replace(work, stage="main", steps=STEPS)
    begun, go_on = threading.Event(), threading.Event()

    def slow(node, place):
        begun.set()
        assert go_on.wait(20)
        return "cpu", place

    monkeypatch.setattr(ray_worker, "own_device", slow)
    monkeypatch.setattr(ray_worker, "needs_kernels", lambda work: False)
    monkeypatch.setenv("SCANMILL_DEVICE", "")
    monkeypatch.setattr(ray_worker, "set_threads", lambda cpus: None)
    worker = ray_worker.RayWorker("w1", "here", "here/cpu:0", 1.0)
    calls = [threading.Thread(target=call) for call in (lambda: worker.prepare(first), lambda: worker.set_stage(work))]
    calls[0].start()
    assert begun.wait(20)
    calls[1].start()
    go_on.set()
    for call in calls:
        call.join(20)
    worker.submit([task])
    heard = []
    while not any(isinstance(event, UnitEnded) for event in heard):
        heard += worker.poll(5.0)
    assert outcomes(heard)[task.unit.unit_id].metrics == {"mean": 5.0}


def test_two_files_of_one_name_are_refused_since_one_would_be_lost(mill):
    events, _ = mill(1, steps=(StepCall("t.read"), StepCall("t.save"), StepCall("t.save")))
    (outcome,) = outcomes(events).values()
    assert (outcome.error_class, outcome.artifacts) == ("SpecError", ())
