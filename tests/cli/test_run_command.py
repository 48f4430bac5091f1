"""`scanmill run`, `resume`, `cancel`, `runs ...`: whole runs by the real command, in this process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from raw_scans import scanmill, write_job
from scanmill.cohort import Cohort
from scanmill.engine.run_folder import RunFolder
from scanmill.engine.runs import run_id_of
from scanmill.engine.spec import load_job

RUN = ("run", "job.yaml", "--cohort", "cohort.parquet", "--workers", "0")


def folder_of(place):
    (found,) = [path for path in (place / "runs").iterdir() if (path / "run.json").is_file()]
    return found


@pytest.fixture
def ruined(place):
    """The second scan is other than its cohort says; the run has been made."""
    path = place / "scans" / "parallel-full-1.npz"
    path.write_bytes(whole := path.read_bytes()[:-4] + b"xxxx")
    assert len(whole) == path.stat().st_size
    found = scanmill(*RUN)
    assert found.exit_code == 0, found.output
    return place, found


def test_a_dry_run_says_what_it_would_cost_and_starts_nothing(place):
    found = scanmill(*RUN, "--dry-run")
    assert found.exit_code == 0, found.output
    assert "small: 4 rows" in found.stdout
    assert "nothing was started" in found.stdout
    plan = json.loads(scanmill(*RUN, "--dry-run", "--json").stdout)
    assert plan["stages"][0]["units"] == 4
    assert not list((place / "runs").glob("*/run.json"))
    (place / "scans").rename(place / "moved")
    gone = scanmill(*RUN, "--dry-run")
    assert gone.exit_code == 4
    assert "are not there" in gone.stdout


def test_a_run_from_start_to_report(place, mlflow):
    found = scanmill(*RUN)
    assert found.exit_code == 0, found.output
    folder = folder_of(place)
    assert f"results  {folder}/results.parquet" in found.stdout
    assert f"report   {folder}/report.html" in found.stdout
    assert "main" in found.stdout
    assert "done after" in found.stdout
    assert "Next:" not in found.stdout
    assert "main: 4/4" in found.stderr
    assert "progress" not in found.stderr
    assert "worker_up" not in found.stderr
    assert pq.read_table(folder / "results.parquet")["status"].to_pylist() == ["done"] * 4
    assert "<b>4</b>done" in (folder / "report.html").read_text("utf-8")
    assert (folder / "montage.png").is_file()
    kinds = [item["kind"] for item in mlflow.heard]
    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert mlflow.heard[-1]["status"] == "FINISHED"
    assert {"results.parquet", "report.html"} <= {Path(i["path"]).name for i in mlflow.heard if i["kind"] == "artifact"}


def test_json_is_all_there_is_on_standard_output_and_nothing_is_said_beside_it(place):
    found = scanmill(*RUN, "--json")
    told = json.loads(found.stdout)
    assert told["status"] == "done"
    assert told["counts"]["main"]["done"] == 4
    assert found.stderr == ""


def test_the_same_run_again_does_nothing(place):
    scanmill(*RUN)
    folder = folder_of(place)
    before = {path: path.stat().st_mtime_ns for path in (folder / "artifacts").rglob("*.npz")}
    again = scanmill(*RUN)
    assert again.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "artifacts").rglob("*.npz")} == before
    assert len(before) == 4
    with_slash = scanmill(*RUN, "--out", "runs/")
    assert with_slash.exit_code == 0
    assert folder_of(place) == folder


def test_where_and_set_make_another_run(place):
    scanmill(*RUN)
    few = scanmill(*RUN, "--where", "row_key LIKE '%-3'", "--json")
    other = scanmill(*RUN, "--set", "save.picture=false", "--json")
    assert json.loads(few.stdout)["counts"]["main"]["done"] == 1
    assert not list(Path(json.loads(other.stdout)["folder"]).rglob("*_slices.png"))
    assert len(list((place / "runs").glob("*/run.json"))) == 3


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["--set", "save.pictur=false"], "picture"),
        (["--set", "sav.picture=false"], "save"),
        (["--set", "save.picture"], "step.param=value"),
        (["--where", "n_views < 0"], "--where"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_starts(place, words, advice):
    found = scanmill(*RUN, *words)
    assert found.exit_code == 2
    assert advice in found.stderr
    assert found.stdout == ""
    assert not (place / "runs").exists()


def test_a_failed_row_is_named_shown_and_retried(ruined):
    place, found = ruined
    folder = folder_of(place)
    assert "failed p/parallel-full-1: InputError: a file has changed" in found.stderr
    assert f"Next: scanmill runs show {folder}" in found.stdout
    shown = scanmill("runs", "show", folder)
    assert shown.exit_code == 0
    assert "p/parallel-full-1 (1 attempt)" in shown.stdout
    assert f"scanmill runs retry {folder}" in shown.stdout
    told = json.loads(scanmill("runs", "show", folder, "--json").stdout)
    assert told["failures"][0]["error_class"] == "InputError"
    rebuilt = place / "scans" / "parallel-full-1.npz"
    from raw_scans import scan_arrays

    np.savez(rebuilt, **scan_arrays(seed=1))
    retried = scanmill("runs", "retry", folder, "p/parallel-full-1", "--workers", "0", "--json")
    assert retried.exit_code == 0, retried.output
    assert json.loads(retried.stdout)["counts"]["main"]["done"] == 4
    assert scanmill("runs", "verify", folder).exit_code == 0


def test_a_retry_of_what_did_not_fail_is_refused(ruined):
    place, _ = ruined
    found = scanmill("runs", "retry", folder_of(place), "p/parallel-full-0", "p/parallel-full-1", "--workers", "0")
    assert found.exit_code == 2
    assert "p/parallel-full-0" in found.stderr


def test_runs_are_listed(place):
    assert "there are no runs in runs" in scanmill("runs", "list").stdout
    assert json.loads(scanmill("runs", "list", "--json").stdout) == []
    scanmill(*RUN)
    listed = scanmill("runs", "list", "runs")
    assert folder_of(place).name in listed.stdout
    (run,) = json.loads(scanmill("runs", "list", "--json").stdout)
    assert run["status"] == "done"
    assert run["counts"]["main"]["done"] == 4


def test_verify_finds_a_changed_file(place):
    scanmill(*RUN)
    folder = folder_of(place)
    assert "sound" in scanmill("runs", "verify", folder).stdout
    victim = next((folder / "artifacts").rglob("*.npz"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    (folder / "artifacts" / "00" / "nobody").mkdir(parents=True)
    (folder / "artifacts" / "00" / "nobody" / "x.npz").write_bytes(b"x")
    found = scanmill("runs", "verify", folder)
    assert found.exit_code == 3
    assert "NOT sound" in found.stdout
    assert "1 file of attempts that did not win: --collect" in found.stdout
    collected = json.loads(scanmill("runs", "verify", folder, "--collect", "--json").stdout)
    assert collected["collected"] == 1
    assert not (folder / "artifacts" / "00" / "nobody" / "x.npz").exists()


def test_cancel_and_resume(place):
    """A run whose driver never came: cancelled, then brought back."""
    from scanmill.engine import runs as engine_runs
    from scanmill.engine.ledger import Ledger
    from scanmill.engine.plan import plan_stage

    job, cohort = load_job(place / "job.yaml"), Cohort.open(place / "cohort.parquet")
    run_id = run_id_of(job, cohort)
    folder = RunFolder.at("runs", run_id)
    engine_runs._create(folder, run_id, job, cohort, str(folder.path / "ledger.sqlite"))
    with Ledger.open(str(folder.path / "ledger.sqlite")) as ledger:
        ledger.create_run(run_id, job.name, job.to_yaml(), cohort.digest)
        with ledger.begin(run_id) as epoch:
            ledger.add_units(epoch, plan_stage(job.stages[0], cohort.table, job.seed))
    interrupted = scanmill("runs", "show", folder.path)
    assert "interrupted" in interrupted.stdout
    assert "Next: scanmill resume" in interrupted.stdout
    found = scanmill("cancel", folder.path)
    assert found.exit_code == 0
    assert "4 waiting units will not be tried" in found.stdout
    assert json.loads(scanmill("runs", "show", folder.path, "--json").stdout)["status"] == "cancelled"
    resumed = scanmill("resume", folder.path, "--workers", "0", "--json")
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(resumed.stdout)["counts"]["main"]["done"] == 4
    assert "it had ended already" in scanmill("cancel", folder.path).stdout


def test_what_mlflow_missed_is_sent_later(place, mlflow, monkeypatch):
    def away(*args):
        raise ConnectionError("https://user:password@mlflow.example")

    monkeypatch.setattr("scanmill.tracking.tracker._open_sender", away)
    found = scanmill(*RUN)
    assert found.exit_code == 0
    assert "scanmill runs track" in found.stdout
    assert "password" not in found.output
    folder = folder_of(place)
    still = scanmill("runs", "track", folder)
    assert still.exit_code == 4
    monkeypatch.setattr("scanmill.tracking.tracker._open_sender", lambda *args: mlflow)
    sent = scanmill("runs", "track", folder)
    assert sent.exit_code == 0
    assert "all sent" in sent.stdout
    assert mlflow.heard[-1]["kind"] == "end"


def test_brackets_in_names_and_messages_are_shown_as_they_are(place):
    write_job(place / "job.yaml", name="main", where="row_key <> '[/bold]'")
    (place / "scans" / "parallel-full-0.npz").unlink()
    found = scanmill(*RUN)
    assert found.exit_code == 0
    assert "failed p/parallel-full-0" in found.stderr
    refused = scanmill("cohort", "show", "cohort.parquet", "--where", "row_key = '[/bold]' AND [red")
    assert refused.exit_code == 2
    assert "[red" in refused.stderr


def test_the_installed_command_by_a_subprocess(place):
    command = Path(sys.executable).with_name("scanmill")
    if not command.is_file():
        pytest.skip("the scanmill command is not installed beside this Python")
    words = [command, "run", "job.yaml", "--cohort", "cohort.parquet", "--dry-run", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=place, env={**os.environ}, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 4
