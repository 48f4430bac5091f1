"""Whole runs in this process: results, resume, retry, reuse, verify, chained stages."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from scanmill.engine.in_process import InProcess
from scanmill.engine.ledger import Ledger
from scanmill.engine.runs import (
    cancel_run,
    list_runs,
    plan_run,
    resume_run,
    retry_run,
    run_id_of,
    show_run,
    start_run,
    verify_run,
)
from scanmill.engine.spec import JobSpec
from scanmill.errors import ResourceError, SpecError

ROWS = {"name": "main", "steps": ["t.read", {"t.scale": {"factor": 3.0}}, "t.fault", "t.save"]}


def job_of(*stages, **more):
    return JobSpec.from_mapping({"name": "tiny", "seed": 3, "stages": list(stages or [ROWS]), **more})


@pytest.fixture
def start(tmp_path):
    def run(job, cohort, **more):
        return start_run(job, cohort, out=tmp_path / "runs", performer=InProcess(2), **more)

    return run


def rows_of(summary, stage=None):
    name = f"stages/{stage}/results.parquet" if stage else "results.parquet"
    return pq.read_table(Path(summary.folder) / name).to_pylist()


class Hearing:
    def __init__(self):
        self.events, self.ends = [], []

    def on_event(self, event):
        self.events.append(event)

    def on_end(self, summary):
        self.ends.append(summary)


def test_a_run_from_cohort_to_results(start, make_cohort):
    cohort = make_cohort(12, {2: "input", 5: "diverge"})
    hearing = Hearing()
    summary = start(job_of(), cohort, listeners=[hearing])
    assert summary.status == "done"
    assert {k: v for k, v in summary.counts["main"].items() if v} == {"done": 10, "failed": 2}
    rows = rows_of(summary)
    assert [row["row_key"] for row in rows] == cohort.table["row_key"].to_pylist()
    assert {row["row_key"]: row["error_class"] for row in rows if row["status"] != "done"} == {
        "r0002": "InputError",
        "r0005": "ConvergenceError",
    }
    good = rows[7]
    assert good["metric.mean"] == 21.0
    assert good["output.image"]["kind"] == "npy"
    assert np.load(Path(summary.folder) / good["output.image"]["uri"]).mean() == 21.0
    assert good["seconds.t.scale"] >= 0
    assert good["group"] == "g2"
    assert len({row["digest"] for row in rows if row["status"] == "done"}) == 10
    verification = verify_run(summary.folder)
    assert verification.sound
    assert verification.files == 20
    assert not verification.garbage
    folder = Path(summary.folder)
    facts = json.loads((folder / "run.json").read_text())
    assert facts["format"] == 1
    assert facts["run_id"] == folder.name
    environments = list((folder / "environment").glob("*.json"))
    assert "numpy" in json.loads(environments[0].read_text())["packages"]
    kinds = [event.kind for event in hearing.events]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"
    assert kinds.count("unit") == 12
    assert hearing.ends == [summary]
    assert (folder / "cohort.roots.json").stat().st_mode & 0o077 == 0


def test_a_finished_run_does_nothing_again_and_a_readme_changes_nothing(start, make_cohort, tmp_path):
    cohort = make_cohort(4)
    summary = start(job_of(), cohort)
    before = {path: path.stat().st_mtime_ns for path in Path(summary.folder).rglob("*.npy")}
    (tmp_path / "README.md").write_text("edited")
    hearing = Hearing()
    again = start(job_of(description="other words"), cohort, listeners=[hearing])
    assert again.run_id == summary.run_id
    assert again.status == "done"
    assert [event.kind for event in hearing.events] == ["run_started", "run_ended"]
    assert before == {path: path.stat().st_mtime_ns for path in Path(summary.folder).rglob("*.npy")}
    assert start(job_of(seed=4), cohort).run_id != summary.run_id


def test_a_listener_that_raises_hurts_nobody(start, make_cohort, caplog):
    class Bad:
        def on_event(self, event):
            raise RuntimeError("/home/doe said no")

        on_end = on_event

    assert start(job_of(), make_cohort(3), listeners=[Bad()]).status == "done"
    assert len(caplog.records) == 1
    assert "doe" not in caplog.text


def test_retry_tries_the_bad_rows_again(start, make_cohort, tmp_path):
    cohort = make_cohort(3)
    broken = tmp_path / "data" / "r0001.npy"
    content = broken.read_bytes()
    broken.write_bytes(b"x" * len(content))
    summary = start(job_of(), cohort)
    assert summary.counts["main"]["failed"] == 1
    view = show_run(summary.folder)
    assert view.status == "done"
    assert view.failures[0]["row_keys"] == ("r0001",)
    broken.write_bytes(content)
    again = retry_run(summary.folder, ["r0001"], performer=InProcess(1))
    assert again.counts["main"]["done"] == 3
    row = rows_of(again)[1]
    assert (row["status"], row["attempts"]) == ("done", 2)
    assert verify_run(summary.folder).sound


def test_an_error_that_might_pass_is_tried_again_and_then_quarantined(start, make_cohort):
    summary = start(job_of(), make_cohort(8, {3: "raise"}))
    row = rows_of(summary)[3]
    assert row["status"] == "quarantined"
    assert row["attempts"] >= 3
    assert row["error_class"] == "ValueError"
    logs = list((Path(summary.folder) / "logs").rglob("*.txt"))
    assert len(logs) == row["attempts"]


def test_cancel_and_resume(start, make_cohort):
    class CancelAtFirst:
        def __init__(self):
            self.asked = False

        def on_event(self, event):
            if event.kind == "unit" and not self.asked:
                self.asked = True
                cancel_run(self.folder)

        def on_end(self, summary):
            pass

    cohort = make_cohort(30)
    stage = {"name": "main", "steps": ["t.read", {"t.fault": {"seconds": 0.1}}, "t.save"]}
    listener = CancelAtFirst()
    listener.folder = None
    job = job_of(stage)
    import scanmill.engine.runs as runs_module

    assert runs_module is not None
    listener.folder = Path(start.__closure__[0].cell_contents) / "runs" / run_id_of(job, cohort)
    summary = start(job, cohort, listeners=[listener])
    assert summary.status == "cancelled"
    assert summary.counts["main"]["cancelled"] > 0
    assert sum(summary.counts["main"].values()) == 30
    again = resume_run(summary.folder, performer=InProcess(4))
    assert again.counts["main"]["done"] == 30
    assert len(rows_of(again)) == 30


def test_groups_then_rows_then_a_reduction_then_a_comparison(start, make_cohort):
    cohort = make_cohort(7, group=["a", "a", "b", "b", "b", None, "c"])
    job = job_of(
        {"name": "merge", "kind": "groups", "by": ["group"], "steps": ["t.read", "t.sum", "t.save"]},
        {"name": "double", "from": "${merge}", "steps": ["t.read", "t.scale", "t.save"]},
        {
            "name": "mean",
            "kind": "reduce",
            "from": "${double}",
            "fan_in": 2,
            "steps": ["t.read", "t.mean", {"t.save": {"name": "template"}}],
        },
        {
            "name": "gap",
            "from": "${double}",
            "with": {"template": "${mean.template}"},
            "steps": ["t.read", "t.compare", "t.save"],
        },
    )
    summary = start(job, cohort)
    assert summary.status == "done"
    merged = {row["row_key"]: row for row in rows_of(summary, "merge")}
    assert set(merged) == {"a", "b", "c", "r0005"}
    assert merged["r0005"]["status"] == "failed"
    assert merged["a"]["bytes"] == 2 * cohort.row("r0000")["bytes"]
    doubled = {row["row_key"]: row["metric.mean"] for row in rows_of(summary, "double")}
    assert doubled == {"a": 2.0, "b": 18.0, "c": 12.0}
    (mean,) = rows_of(summary, "mean")
    assert mean["metric.n"] == 3.0
    gaps = {row["row_key"]: row["metric.gap"] for row in rows_of(summary)}
    mean_value = (2 + 18 + 12) / 3
    assert gaps == pytest.approx({key: abs(value - mean_value) for key, value in doubled.items()})
    assert verify_run(summary.folder).sound
    again = start(job, cohort)
    assert again.counts == summary.counts


def test_verify_finds_what_was_changed_and_what_nobody_names(start, make_cohort):
    summary = start(job_of(), make_cohort(3))
    folder = Path(summary.folder)
    victim = sorted(folder.glob("artifacts/**/image.npy"))[0]
    victim.write_bytes(victim.read_bytes() + b"!")
    zombie = victim.parent.parent / "9-1-w7"
    zombie.mkdir()
    (zombie / "image.npy").write_bytes(b"late")
    found = verify_run(folder)
    assert len(found.problems) == 1
    assert "changed" in found.problems[0]
    assert [Path(path).parent.name for path in found.garbage] == ["9-1-w7"]
    assert verify_run(folder, collect=True).collected == 1
    assert not (zombie / "image.npy").exists()


def test_a_plan_says_what_it_would_cost(make_cohort, tmp_path):
    cohort = make_cohort(5)
    plan = plan_run(job_of(), cohort, out=tmp_path / "runs")
    assert plan.units == 5
    assert plan.output_bytes >= 5000
    assert plan.hours > 0
    assert not plan.problems
    (tmp_path / "data" / "r0000.npy").unlink()
    assert "1 of" in plan_run(job_of(), cohort, out=tmp_path / "runs").problems[0]


def test_a_job_that_cannot_work_is_refused_before_anything_is_made(start, make_cohort, tmp_path):
    with pytest.raises(SpecError, match="template"):
        start(job_of({"name": "main", "steps": ["t.read", "t.compare", "t.save"]}), make_cohort(2))
    assert not (tmp_path / "runs").exists()


def test_runs_are_listed_newest_first(start, make_cohort, tmp_path):
    cohort = make_cohort(2)
    first, second = start(job_of(), cohort), start(job_of(seed=9), cohort)
    assert [view.run_id for view in list_runs(tmp_path / "runs")] == [second.run_id, first.run_id]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_output_is_refused(start, make_cohort, tmp_path):
    (tmp_path / "runs").mkdir(mode=0o500)
    assert plan_run(job_of(), make_cohort(2), out=tmp_path / "runs").problems


def test_one_row_that_is_done_does_not_stand_for_the_others(start, make_cohort):
    job = job_of(
        {"name": "mask", "steps": ["t.read", "t.fault", "t.save"]},
        {"name": "gap", "with": {"template": "${mask.image}"}, "steps": ["t.read", "t.compare", "t.save"]},
    )
    summary = start(job, make_cohort(2, {0: "input"}))
    first, second = rows_of(summary)
    assert (first["status"], first["error_class"]) == ("failed", "InputError")
    assert (second["status"], second["metric.gap"]) == ("done", 0.0)


def test_a_run_goes_on_under_a_scanmill_that_knows_more_defaults(start, make_cohort, monkeypatch):
    summary = start(job_of(), make_cohort(2))
    written = JobSpec.to_yaml
    monkeypatch.setattr(JobSpec, "to_yaml", lambda job: written(job) + "later: 1\n")
    assert resume_run(summary.folder, performer=InProcess(1)).status == "done"


LONG = (
    {"name": "scale", "steps": ["t.read", "t.scale", "t.save"]},
    {"name": "merge", "from": "${scale}", "kind": "groups", "by": ["group"], "steps": ["t.read", "t.sum", "t.save"]},
    {"name": "double", "from": "${merge}", "steps": ["t.read", "t.scale", "t.save"]},
    {
        "name": "mean",
        "kind": "reduce",
        "from": "${double}",
        "fan_in": 2,
        "steps": ["t.read", "t.mean", {"t.save": {"name": "template"}}],
    },
    {
        "name": "gap",
        "from": "${double}",
        "with": {"template": "${mean.template}"},
        "steps": ["t.read", "t.compare", "t.save"],
    },
)


def told(summary):
    """What a run says, stage by stage, without where and when."""
    names = ("row_key", "status", "metric.mean", "metric.n", "metric.gap")
    return {
        stage: [{name: row.get(name) for name in names} for row in rows_of(summary, stage)] for stage in summary.counts
    }


@pytest.fixture
def broken(tmp_path):
    """Break the file of row 1; a function that mends it."""

    def do():
        path = tmp_path / "data" / "r0001.npy"
        content = path.read_bytes()
        path.write_bytes(b"x" * len(content))
        return lambda: path.write_bytes(content)

    return do


def test_a_row_that_is_mended_upstream_reaches_every_stage_and_the_counts_are_those_of_the_plan(
    start, make_cohort, broken, tmp_path
):
    cohort = make_cohort(9)
    mend = broken()
    summary = start(job_of(*LONG), cohort)
    assert rows_of(summary, "merge")[0]["metric.n"] == 2.0
    before = {row["row_key"]: row["output.image"]["uri"] for row in rows_of(summary, "double")}
    mend()
    again = retry_run(summary.folder, ["r0001"], performer=InProcess(2))
    fresh = start_run(job_of(*LONG), cohort, out=tmp_path / "fresh", performer=InProcess(2))
    assert told(again) == told(fresh)
    assert again.counts == fresh.counts
    after = {row["row_key"]: row["output.image"]["uri"] for row in rows_of(again, "double")}
    assert {key for key in before if before[key] == after[key]} == {"g1", "g2"}
    found = verify_run(again.folder, collect=True)
    assert found.sound
    assert found.collected > 0
    assert verify_run(again.folder).sound


def test_who_asks_a_driver_for_a_row_of_a_stage_that_has_ended_gets_it(start, make_cohort, broken, tmp_path):
    cohort = make_cohort(6)
    mend = broken()

    class Mends(Hearing):
        def on_event(self, event):
            if event.kind == "unit" and event.stage == "double" and not self.events:
                self.events.append(event)
                mend()
                assert retry_run(folder, ["r0001"]) is None

    hearing = Mends()
    slow = ({**LONG[2], "steps": ["t.read", "t.scale", {"t.sleep": {"seconds": 1.5}}, "t.save"]},)
    stages = (*LONG[:2], *slow, *LONG[3:])
    folder = tmp_path / "runs" / run_id_of(job_of(*stages), cohort)
    summary = start_run(job_of(*stages), cohort, out=tmp_path / "runs", performer=InProcess(1), listeners=[hearing])
    assert hearing.events
    assert summary.counts["scale"]["done"] == 6
    assert rows_of(summary, "merge")[0]["metric.n"] == 3.0
    assert rows_of(summary, "mean")[0]["status"] == "done"
    assert sum(summary.counts["merge"].values()) == 2


def test_a_reduction_waits_and_fails_with_its_partials_whichever_is_asked_for(start, make_cohort, broken):
    cohort = make_cohort(4)
    mend_later = broken()
    stage = {"name": "mean", "kind": "reduce", "fan_in": 2, "steps": ["t.read", "t.mean", "t.save"]}
    summary = start(job_of(stage), cohort)
    assert {k: v for k, v in summary.counts["mean"].items() if v} == {"done": 1, "failed": 2}
    failures = show_run(summary.folder).failures
    (root,) = (one["unit_id"] for one in failures if not one["row_keys"])
    (leaf,) = (one["unit_id"] for one in failures if one["row_keys"])
    again = retry_run(summary.folder, [root], performer=InProcess(1))
    assert again.counts["mean"]["failed"] == 2
    mend_later()
    again = retry_run(summary.folder, [leaf], performer=InProcess(1))
    assert again.counts["mean"]["done"] == 3
    assert rows_of(again)[0]["metric.n"] == 4.0


def test_garbage_is_collected_only_while_no_driver_can_begin(start, make_cohort, monkeypatch):
    summary = start(job_of(), make_cohort(2))
    import scanmill.engine.verify as verify_module

    refused = []
    look = verify_module._problem

    def problem(store, artifact):
        with Ledger.open(Path(summary.folder) / "ledger.sqlite") as ledger:
            try:
                ledger.begin(summary.run_id, wait_s=0.0).release()
            except ResourceError as error:
                refused.append(error)
        return look(store, artifact)

    monkeypatch.setattr(verify_module, "_problem", problem)
    assert verify_run(summary.folder, collect=True).sound
    assert len(refused) == 4


def test_verify_counts_the_rows_that_are_done(start, make_cohort):
    summary = start(job_of(), make_cohort(3))
    path = Path(summary.folder) / "stages" / "main" / "results.parquet"
    table = pq.read_table(path)
    status = table.column_names.index("status")
    pq.write_table(table.set_column(status, "status", [["done", "waiting", "done"]]), path)
    (problem,) = verify_run(summary.folder).problems
    assert "2 rows are done, 3 in the ledger" in problem


def test_a_group_whose_column_is_an_empty_text_has_a_name(start, make_cohort):
    cohort = make_cohort(4, group=["", "", "b", "b"])
    summary = start(job_of(*({**LONG[1], "from": "cohort"}, LONG[2])), cohort)
    assert [(row["row_key"], row["status"]) for row in rows_of(summary)] == [("r0000", "done"), ("b", "done")]
