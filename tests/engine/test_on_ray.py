"""The same runs on a real Ray."""

import os
import socket
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scanmill.engine.on_ray import OnRay
from scanmill.engine.performer import Claim
from scanmill.engine.places import places_of
from scanmill.engine.runs import start_run, verify_run
from scanmill.engine.spec import JobSpec

STAGE = {"name": "main", "steps": ["t.read", "t.scale", "t.fault", "t.save"]}
NODE = {"Alive": True, "NodeManagerHostname": "mill", "Resources": {"CPU": 8.0, "GPU": 2.0}}


def node(node_id, **resources):
    return {**NODE, "NodeID": node_id, "Resources": resources}


def test_places_spread_over_nodes_and_have_names_of_their_own():
    nodes = [node("aaaaaaaa", CPU=2.0), node("bbbbbbbb", CPU=1.0), {**node("cc", CPU=9.0), "Alive": False}]
    assert [place.name for place in places_of(nodes, Claim())] == [
        "mill-aaaaaa/cpu:0",
        "mill-bbbbbb/cpu:0",
        "mill-aaaaaa/cpu:1",
    ]


@pytest.mark.parametrize(
    ("claim", "n"), [(Claim(1.0, 1.0), 2), (Claim(1.0, 0.5), 4), (Claim(4.0, 0.25), 2), (Claim(1.0, 2.0), 1)]
)
def test_a_gpu_is_shared_only_as_the_job_says(claim, n):
    assert len(places_of([node("a", CPU=8.0, GPU=2.0)], claim)) == n


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_a_run_on_ray(ray_session, make_cohort, tmp_path):
    cohort = make_cohort(24, {3: "input", 11: "kill"})
    job = JobSpec.from_mapping({"name": "on ray", "stages": [{**STAGE, "attempts": 2}]})
    summary = start_run(job, cohort, out=tmp_path, workers=3)
    assert summary.status == "done"
    rows = {row["row_key"]: row for row in pq.read_table(Path(summary.folder) / "results.parquet").to_pylist()}
    assert len(rows) == 24
    bad = {key: (row["status"], row["error_class"]) for key, row in rows.items() if row["status"] != "done"}
    assert bad == {"r0003": ("failed", "InputError"), "r0011": ("quarantined", "WorkerDied")}
    assert {row["device"].rpartition("/")[0] for row in rows.values() if row["status"] == "done"} == {
        socket.gethostname()
    }
    assert verify_run(summary.folder).sound
    assert os.environ["RAY_AUTH_MODE"] == "token"


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_no_worker_comes_up_where_the_steps_are_missing(ray_session, tmp_path):
    from scanmill.engine.task import StageWork, StepCall
    from scanmill.errors import ResourceError

    performer = OnRay(workers=1)
    performer.open_stage(StageWork("r", "main", "rows", (StepCall("no.such"),), tmp_path.as_uri()), Claim())

    def wait():
        for _ in range(200):
            performer.poll(1.0)

    with pytest.raises(ResourceError, match="no worker can be started"):
        wait()
    performer.close()


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_a_worker_that_did_not_take_its_units_is_given_up(ray_session, tmp_path):
    from scanmill.engine.messages import CapacityGranted, WorkerDied
    from scanmill.engine.task import StageWork, StepCall

    performer = OnRay(workers=1)
    performer.open_stage(StageWork("r", "main", "rows", (StepCall("t.read"),), tmp_path.as_uri()), Claim())

    def hear(kind):
        for _ in range(120):
            for event in performer.poll(1.0):
                if isinstance(event, kind):
                    return event
        return None

    worker = hear(CapacityGranted).worker
    performer.assign(worker, [None])
    died = hear(WorkerDied)
    performer.close()
    assert died is not None
    assert died.worker == worker
