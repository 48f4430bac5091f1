"""`scanmill index ...` and `scanmill run --index`: what a run has described is in the index, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from shutil import copytree

import pytest

from found_scans import KINDS
from raw_scans import scanmill, write_job
from scanmill.algorithms.features import default_embedding
from scanmill.algorithms.features.named import embedding_text
from scanmill.cli.index_listener import IndexListener
from scanmill.engine.events import RunEvent
from scanmill.engine.outcome import Artifact, Outcome
from scanmill.engine.run_folder import RunFolder
from scanmill.engine.stage_cohort import results_of
from scanmill.retrieval import Index

ROWS = [f"parallel-full-{n}" for n in range(6)]


@pytest.fixture
def run(findable, monkeypatch):
    """The folder of the run; the working folder is its place."""
    monkeypatch.chdir(findable)
    (folder,) = [path for path in (findable / "runs").iterdir() if (path / "run.json").is_file()]
    return folder


def contents(folder):
    """Everything in an index that may not depend on how it was made."""
    index = Index.open(folder)
    table = index.entries().sort_by("image_id")
    return table.to_pylist(), index.vectors(table["image_id"].to_pylist()).tobytes()


def test_an_index_that_followed_a_run_is_the_one_that_is_built_from_it(run, tmp_path):
    assert sorted(Index.open("live.index").entries()["row_key"].to_pylist()) == ROWS
    built = scanmill("index", "build", tmp_path / "a.index", run)
    assert "6 entries of 6 images new or changed" in built.stdout, built.output
    assert contents(tmp_path / "a.index") == contents("live.index")
    again = scanmill("index", "add", tmp_path / "a.index", run, "--json")
    assert json.loads(again.stdout) == {"images": 0, "entries": 0, "of_another_embedding": 0}
    entry = next(line for line in contents("live.index")[0] if line["row_key"] == ROWS[4])
    assert (entry["what"], entry["patient_key"], entry["modality"], entry["beam"]) == (
        "head",
        "patient-4",
        "CT",
        "parallel",
    )
    assert (run.parent / entry["uri"]).name == "image.nii.gz"


def test_info_check_remove_compact_and_snapshot(run, tmp_path):
    copytree("live.index", tmp_path / "a.index")
    index = tmp_path / "a.index"
    removed = scanmill("index", "remove", index, "--where", "what = 'chest'", "--json")
    assert json.loads(removed.stdout) == {"removed": 2}
    assert scanmill("index", "compact", index).exit_code == 0
    assert scanmill("index", "snapshot", index, tmp_path / "b.index").exit_code == 0
    told = json.loads(scanmill("index", "info", tmp_path / "b.index", "--json").stdout)
    assert (told["entries"], told["kinds"], told["patients"]) == (4, {"series": 4}, 4)
    sound = scanmill("index", "check", index)
    assert (sound.exit_code, sound.stdout.splitlines()[-1]) == (0, "sound")


def test_a_check_of_a_damaged_index_names_what_is_damaged(run, tmp_path):
    index = tmp_path / "a.index"
    copytree("live.index", index)
    segment, embedding = max(index.glob("entries-*.parquet")), index / "embedding.json"
    whole, other = segment.read_bytes(), embedding_text(default_embedding("volume")).encode()
    damages = {
        (segment, whole[:-1] + b"x"): f"{segment.name}: ",
        (segment, whole[:100]): f"{segment.name}: 100 bytes instead of",
        (segment, None): f"{segment.name}: it is not there",
        (embedding, b"{"): "embedding.json: this is no file of an embedding",
        (embedding, other): "embedding.json: another embedding",
        (embedding, None): "embedding.json: no such file",
    }
    for (path, content), told in damages.items():
        before = path.read_bytes()
        path.unlink() if content is None else path.write_bytes(content)
        found = scanmill("index", "check", index, "--json")
        assert (found.exit_code, told in str(json.loads(found.stdout)["problems"])) == (3, True), found.output
        words = scanmill("index", "check", index)
        assert (words.exit_code, told in words.stdout) == (3, True)
        assert "build another index from the runs" in words.stdout
        path.write_bytes(before)
    assert scanmill("index", "check", index).exit_code == 0
    (index / "index.json").write_text("{")
    assert scanmill("index", "check", index).exit_code == 2


def test_an_unfinished_thing_is_never_told_as_done(run, tmp_path):
    other = tmp_path / "other.index"
    assert scanmill("index", "create", other, "--embedding", "volume").exit_code == 0
    assert scanmill("index", "split", "live.index", tmp_path / "parts").exit_code == 0
    wrong = {
        ("index", "build", "live.index", run): "something already",
        ("index", "add", other, run): "another embedding",
        ("index", "add", tmp_path / "new.index", tmp_path): "no run folder",
        ("index", "info", tmp_path): "no index here",
        ("index", "info", tmp_path / "parts"): "the shards of an index",
        ("index", "create", tmp_path / "x.index", "--metric", "l1"): "an unknown metric: expected cosine or l2, got l1",
        ("index", "create", tmp_path / "x.index", "--embedding", "best"): "no default embedding",
        ("index", "remove", "live.index"): "by a condition or by ids",
        ("index", "remove", "live.index", "--where", "wha = 'chest'"): "wha",
        ("index", "remove", "live.index", "--where", "true; DROP TABLE x"): "SpecError",
        ("index", "evaluate", "live.index", "--label", "nothing"): "no such column",
        ("index", "evaluate", "live.index", "--label", "what", "--kind", "slice"): "too few",
        ("index", "evaluate", "live.index", "--label", "modality"): "all images show the same",
        ("index", "evaluate", other, "--label", "what"): "the index is empty",
        ("index", "build", tmp_path / "half.index", run, tmp_path): "no run folder",
        ("run", "job.yaml", "--cohort", "cohort.parquet", "--index", other): "another embedding than the job's",
        ("run", "job.yaml", "--cohort", "cohort.parquet", "--set", "embed.boxes=wat"): "no such column",
    }
    for words, told in wrong.items():
        found = scanmill(*words)
        assert found.exit_code == 2, (words, found.output)
        assert told in found.output, (words, found.output)
    assert not (tmp_path / "half.index").exists()
    write_job(tmp_path / "plain.yaml")
    found = scanmill("run", tmp_path / "plain.yaml", "--cohort", "cohort.parquet", "--index", tmp_path / "y.index")
    assert "add `embed`" in found.output


def test_a_learned_embedding_comes_in_a_file(tmp_path):
    path = tmp_path / "slice.json"
    path.write_text(embedding_text(default_embedding("slice")))
    assert scanmill("index", "create", tmp_path / "a.index", "--embedding", path).exit_code == 0
    assert Index.open(tmp_path / "a.index").manifest.digest == default_embedding("slice").digest


def test_evaluation_is_patient_disjoint_and_told_to_mlflow(run, mlflow):
    found = scanmill("index", "evaluate", "live.index", "--label", "what")
    assert found.exit_code == 0, found.output
    assert "6 images of 6 patients asked" in found.stdout
    assert "nothing about any clinical use" in found.stdout
    told = json.loads(scanmill("index", "evaluate", "live.index", "--label", "what", "--json").stdout)
    assert told["measures"]["precision_at_1"]["index"]["mean"] == 1.0
    assert told["measures"]["precision_at_1"]["by_chance"]["mean"] == pytest.approx(0.2)
    assert told["confusion"]["first_answers"] == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    (metrics, _) = [item["values"] for item in mlflow.heard if item["kind"] == "metrics"]
    assert metrics["precision_at_1.index"] == 1.0
    assert {item["kind"] for item in mlflow.heard} == {"start", "metrics", "artifact", "end"}
    alone = scanmill("index", "evaluate", "live.index", "--label", "patient_key", "--no-track")
    assert (alone.exit_code, "no query has an image of its label" in alone.output) == (3, True)


def test_a_listener_never_hurts_the_run_and_says_what_is_left(run, tmp_path):
    blocked = tmp_path / "blocked.index"
    blocked.mkdir()
    (blocked / "something").write_text("else")
    listener = IndexListener(str(run), blocked)
    listener.on_event(RunEvent("stage_ended", run.name, 0.0, "images"))
    assert not listener.close()
    assert (listener.behind, "no index here" in listener.problem) == ({"images"}, True)


def test_what_the_listener_missed_comes_when_the_stage_ends(run, tmp_path):
    listener = IndexListener(str(run), tmp_path / "late.index")
    listener.on_event(RunEvent("stage_ended", run.name, 0.0, "images"))
    assert listener.close()
    assert contents(tmp_path / "late.index") == contents("live.index")
    assert not [thread for thread in threading.enumerate() if thread.name == "scanmill-index"]


def test_a_finished_row_is_in_the_index_within_seconds(run, tmp_path):
    files = results_of(RunFolder.open(run), "images").files_of(ROWS[3])
    artifacts = tuple(Artifact(f["role"], f["path"], f["reader"], f["bytes"], f["sha256"]) for f in files)
    listener = IndexListener(str(run), tmp_path / "a.index")
    told = {"stage": "images", "row_keys": (ROWS[3],), "outcome": Outcome(artifacts=artifacts)}
    listener.on_event(RunEvent("unit", run.name, 0.0, state="done", **told))
    begun = time.monotonic()
    while not (tmp_path / "a.index" / "index.json").exists() or not len(Index.open(tmp_path / "a.index")):
        assert time.monotonic() - begun < 30
        time.sleep(0.05)
    assert Index.open(tmp_path / "a.index").entries()["row_key"].to_pylist() == [ROWS[3]]
    assert listener.close()
    (entry,) = [one for one in contents("live.index")[0] if one["row_key"] == ROWS[3]]
    assert contents(tmp_path / "a.index")[0] == [entry]


def test_a_retry_and_a_resume_are_followed_by_an_index_too(run, tmp_path):
    run = copytree(run, tmp_path / "runs" / run.name)
    for number, words in enumerate((("runs", "retry"), ("resume",))):
        index = tmp_path / f"{number}.index"
        found = scanmill(*words, run, "--workers", "0", "--index", index)
        assert found.exit_code == 0, found.output
        assert "6 entries new or changed" in found.stdout
        assert contents(index) == contents("live.index")
        other = tmp_path / f"other-{number}.index"
        assert scanmill("index", "create", other, "--embedding", "volume").exit_code == 0
        for wrong, told in ((other, "another embedding than the job's"), ("cohort.parquet", "an index is a folder")):
            refused = scanmill(*words, run, "--workers", "0", "--index", wrong)
            assert (refused.exit_code, told in refused.output) == (2, True), refused.output


LEARNED = """
name: learned
stages:
  - name: images
    steps: [ct.prepare, {use: ct.reconstruct, params: {method: fbp}}, save]
  - name: learn
    kind: reduce
    from: ${images}
    steps:
      - embedding.moments
      - embedding.fit: {n_components: 4}
      - {use: save, in: {image: embedding}, params: {output: embedding}}
  - name: visits
    kind: groups
    by: [what, patient_key]
    from: ${images}
    with: {embedding: "${learn.embedding}"}
    steps: [embed, {use: save, in: {image: entries}, params: {output: entries}}]
"""


def test_an_embedding_is_learned_by_one_stage_and_used_by_another(run, tmp_path):
    (tmp_path / "learned.yaml").write_text(LEARNED)
    places = ("--out", tmp_path / "runs", "--index", tmp_path / "l.index")
    words = ("run", tmp_path / "learned.yaml", "--cohort", "cohort.parquet", "--workers", "0", *places)
    found = scanmill(*words)
    assert found.exit_code == 0, found.output
    index = Index.open(tmp_path / "l.index")
    assert (index.embedding().projection.kind, index.embedding().dimension) == ("pca", 4)
    assert sorted(index.entries()["row_key"].to_pylist()) == [f"{KINDS[n % 3]}/patient-{n}" for n in (0, 3, 1, 4, 2, 5)]
    (folder,) = [path for path in (tmp_path / "runs").iterdir() if (path / "run.json").is_file()]
    assert scanmill("index", "build", tmp_path / "again.index", folder).exit_code == 0
    assert contents(tmp_path / "again.index") == contents(tmp_path / "l.index")
    again = scanmill("resume", folder, "--workers", "0", "--index", "live.index")
    assert "6 images left out of live.index" in again.stdout, again.output
    mixed = scanmill("index", "add", "live.index", folder)
    assert "another embedding" in mixed.output


SLOWLY = """
import sys
from scanmill.cli import app, index_fill
from scanmill.cli.index_update import IndexWriter

write = IndexWriter.write

def told(self, described):
    write(self, described)
    print(*(one.row_key for one in described), flush=True)

index_fill.ROWS_AT_ONCE, IndexWriter.write = 1, told
app()
"""


def test_after_a_kill_the_index_opens_and_holds_what_was_committed(run, tmp_path):
    folder = tmp_path / "a.index"
    words = [sys.executable, "-c", SLOWLY, "index", "add", str(folder), str(run)]
    adding = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ)
    committed = [adding.stdout.readline().strip() for _ in range(3)]
    os.kill(adding.pid, signal.SIGKILL)
    committed += adding.stdout.read().split()
    adding.stdout.close()
    assert adding.wait() == -signal.SIGKILL
    index = Index.open(folder)
    there = index.entries()["row_key"].to_pylist()
    assert index.check()["problems"] == []
    assert there[: len(committed)] == committed == ROWS[: len(committed)]
    assert len(there) - len(committed) in (0, 1)  # the one whose commit came before its line
    assert scanmill("index", "add", folder, run).exit_code == 0
    assert contents(folder) == contents("live.index")
