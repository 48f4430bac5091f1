"""A job's MLflow run: complete, found again on resume, and indifferent to a server that is away."""

import socket
import warnings

import pytest

from scanmill.tracking import Tracker

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own deprecations are not ours to mend


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def tell(tmp_path, uri, run_id, *, patience=60.0):
    tracker = Tracker(
        tmp_path, run_id, tracking_uri=uri, experiment="scanmill", artifact_root=(tmp_path / "artifacts").as_uri()
    )
    tracker.start("demo", {"stages": [{"use": "save", "n": 3}]}, {"device": "cpu"}, "a" * 64)
    for step in range(3):
        tracker.metrics({"done": step, "rows_per_s": 0.5, "nrmse.save#2.p50": 1.0}, step)
    report = tmp_path / "report.html"
    report.write_text("<p>ok</p>")
    tracker.artifact(report)
    tracker.end("FINISHED")
    return tracker, tracker.close(patience)


def runs(uri, run_id):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name("scanmill")
        return client, client.search_runs([experiment.experiment_id], f"tags.scanmill_run_id = '{run_id}'")


def test_a_job_is_one_mlflow_run(tmp_path, store):
    tracker, sent = tell(tmp_path, store, "run-1")
    assert sent, tracker.problem
    client, [run] = runs(store, "run-1")
    assert run.info.status == "FINISHED"
    assert run.data.params == {"stages.0.use": "save", "stages.0.n": "3"}
    assert run.data.metrics == {"done": 2.0, "rows_per_s": 0.5, "nrmse.save:2.p50": 1.0}
    assert [m.value for m in client.get_metric_history(run.info.run_id, "done")] == [0.0, 1.0, 2.0]
    assert [a.path for a in client.list_artifacts(run.info.run_id)] == ["report.html"]
    assert run.inputs.dataset_inputs[0].dataset.digest == "a" * 36


def test_a_resumed_job_finds_its_run_again(tmp_path, store):
    assert tell(tmp_path, store, "run-2")[1]
    assert tell(tmp_path, store, "run-2")[1]
    assert len(runs(store, "run-2")[1]) == 1


def test_a_server_that_is_away_loses_nothing(tmp_path, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
        tracker, sent = tell(tmp_path, nowhere, "run-3", patience=30.0)
    assert not sent
    assert "away" in tracker.problem
    assert Tracker(tmp_path, "run-3", tracking_uri=store, experiment="scanmill").close(60.0)
    assert runs(store, "run-3")[1][0].info.status == "FINISHED"


def test_half_a_line_left_by_a_crash_is_dropped(tmp_path, store):
    tell(tmp_path, store, "run-4")
    with (tmp_path / "spool.jsonl").open("a") as file:
        file.write('{"kind": "metr')
    assert tell(tmp_path, store, "run-4")[1]
