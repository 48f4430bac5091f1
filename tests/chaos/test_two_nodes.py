"""Two Ray nodes, PostgreSQL and S3: a node dies, then the head and the driver; nothing is lost."""

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from scanmill.cohort import Cohort
from scanmill.engine.ledger import Ledger
from scanmill.engine.run_folder import RunFolder
from scanmill.engine.runs import verify_run
from scanmill.storage import open_store

CHAOS = Path(__file__).parent
DRIVER, PLUGIN = CHAOS / "chaos_driver.py", CHAOS.parent / "engine" / "plugin"
RAY = Path(sys.executable).parent / "ray"
PATIENCE_S = 600
N = 80


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def bucket(monkeypatch):
    """An S3-compatible server in this process, and its address in the environment."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem(skip_instance_cache=True).mkdir("mill")
    yield "s3://mill"
    server.stop()


@contextmanager
def started(command, folder, environment):
    """A Ray node in the foreground (``--block``), with a temporary folder of its own; killed with all its children.

    Ray gives a node 30 seconds to start: on a very busy machine it is tried again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(4):
        process = started_once(command, folder / f"log-{attempt}.txt", {**environment, "TMPDIR": str(folder)})
        if process.poll() is None:
            break
    try:
        yield process
    finally:
        kill_family(process.pid)
        process.wait()


def started_once(command, path, environment):
    with path.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    wait_until(lambda: "Ray runtime started" in path.read_text() or process.poll() is not None, "a node starts")
    return process


def kill_family(pid):
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
        for one in (psutil.Process(pid), *family):
            with suppress(psutil.NoSuchProcess):
                one.kill()


@contextmanager
def cluster(folder, environment):
    """A head and a second node on this machine; gives the address and the processes."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    common = ["--num-cpus", "1", "--object-store-memory", "100000000", "--disable-usage-stats", "--block"]
    short = Path(tempfile.mkdtemp(prefix="sm-"))  # the paths of Ray's sockets must be short
    head = [
        RAY,
        "start",
        "--head",
        "--port",
        str(port),
        "--include-dashboard",
        "false",
        "--node-ip-address",
        "127.0.0.1",
    ]
    second = [RAY, "start", "--address", address, "--node-ip-address", "127.0.0.1"]
    with (
        started([*head, "--temp-dir", str(short), *common], folder / "head", environment) as one,
        started([*second, *common], folder / "second", environment) as two,
    ):
        yield address, one, two


def wait_until(fits, what):
    deadline = time.monotonic() + PATIENCE_S
    while not fits():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.2)


def cohort_on_s3(folder, uri):
    """The small cohort, its files in the bucket."""
    from scanmill_testcohort import small_cohort

    cohort = small_cohort(folder, N, {})
    store = open_store(uri)
    for path in folder.iterdir():
        store.put_file(path, path.name)
    return replace(cohort, roots={"data": uri})


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(2400)
def test_a_node_then_the_head_and_the_driver_die_and_nothing_is_lost(bucket, tmp_path):
    url = os.environ.get("SCANMILL_TEST_POSTGRES")
    if not url:
        pytest.skip("needs a PostgreSQL server at SCANMILL_TEST_POSTGRES")
    chance = random.Random(11)
    cohort = cohort_on_s3(tmp_path / "data", f"{bucket}/data")
    cohort.write(tmp_path / "cohort.parquet")
    assert Cohort.open(tmp_path / "cohort.parquet").digest == cohort.digest
    told = {
        "cohort": str(tmp_path / "cohort.parquet"),
        "out": f"{bucket}/runs-{uuid.uuid4().hex[:6]}",
        "ledger_url": url,
        "seconds": 0.5,
    }
    environment = {
        **os.environ,
        "PYTHONPATH": str(PLUGIN),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": uuid.uuid4().hex * 2,
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    with (tmp_path / "log.txt").open("wb") as log, Ledger.open(url) as ledger:
        before = {run.run_id for run in ledger.runs()}

        def done():
            fresh = [run.run_id for run in ledger.runs() if run.run_id not in before]
            return ledger.counts(fresh[0])["done"] if fresh else 0

        with (
            cluster(tmp_path / "first", environment) as (address, head, second),
            driving({**told, "address": address}, environment, log) as driver,
        ):
            wait_until(lambda: done() >= chance.randint(8, 16) or driver.poll() is not None, "the first rows")
            assert driver.poll() is None, (tmp_path / "log.txt").read_text()[-3000:]
            kill_family(second.pid)
            so_far = done()
            wait_until(lambda: done() >= so_far + 8 or driver.poll() is not None, "rows after a node's death")
            assert driver.poll() is None, (tmp_path / "log.txt").read_text()[-3000:]
            kill_family(head.pid)
            driver.kill()
            driver.wait()
        lost_at = done()
        assert lost_at < N
        with (
            cluster(tmp_path / "second", environment) as (address, _, _),
            driving({**told, "address": address}, environment, log) as driver,
        ):
            driver.wait(PATIENCE_S)
        assert driver.returncode == 0, (tmp_path / "log.txt").read_text()[-3000:]
        (run_id,) = {run.run_id for run in ledger.runs()} - before
        assert ledger.counts(run_id)["done"] == N
    check(f"{told['out']}/{run_id}", url)


@contextmanager
def driving(told, environment, log):
    process = subprocess.Popen([sys.executable, str(DRIVER), json.dumps(told)], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        kill_family(process.pid)
        process.wait()


def check(uri, url):
    import pyarrow.parquet as pq

    folder = RunFolder.open(uri)
    staged = folder.store.stage("results.parquet", Path(tempfile.mkdtemp()))
    rows = pq.read_table(staged).to_pylist()
    assert [row["row_key"] for row in rows] == [f"r{i:04d}" for i in range(N)]
    assert {row["status"] for row in rows} == {"done"}
    assert len({row["node"] for row in rows}) >= 2
    for row in rows[:: N // 10]:
        saved = row["output.image"]
        assert hashlib.sha256(folder.store.get_bytes(saved["uri"])).hexdigest() == saved["sha256"]
    assert verify_run(uri, ledger_url=url).sound
