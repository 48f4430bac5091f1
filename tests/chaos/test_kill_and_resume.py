"""kill -9 of the driver and of workers at random moments, then resume: every row once, every digest right."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from scanmill.engine.ledger import Ledger
from scanmill.engine.plan import unit_seed
from scanmill.engine.runs import verify_run

DRIVER = Path(__file__).parent / "chaos_driver.py"
PATIENCE_S = 300


class Driven:
    """A driver process and all that it has started."""

    def __init__(self, told, log):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(DRIVER.parents[1] / "engine" / "plugin"),))}
        environment.pop("RAY_ADDRESS", None)
        self.process = subprocess.Popen(
            [sys.executable, str(DRIVER), json.dumps(told)], stdout=log, stderr=log, env=environment
        )
        self.family = {}

    def workers(self):
        self.note_family()
        return [one for one in self.family.values() if _runs(one) and _is_worker(one)]

    def note_family(self):
        with suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                self.family[one.pid] = one

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """kill -9 of the driver alone; its Ray must notice and go by itself, stragglers are removed after a while."""
        self.note_family()
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + 20
        while any(map(_runs, self.family.values())) and time.monotonic() < deadline:
            time.sleep(0.1)
        for one in filter(_runs, self.family.values()):
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _runs(process):
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _is_worker(process):
    with suppress(psutil.NoSuchProcess):
        return process.name().startswith("ray::RayWorker") or "ray::RayWorker" in " ".join(process.cmdline())
    return False


def done_rows(out):
    found = list(Path(out).glob("*/ledger.sqlite"))
    if not found:
        return 0
    with suppress(Exception), Ledger.open(found[0]) as ledger:
        (run,) = ledger.runs()
        return ledger.counts(run.run_id)["done"]
    return 0


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("n", "kills"), [(40, 2), pytest.param(240, 20, marks=pytest.mark.long)])
def test_nothing_is_lost_and_nothing_doubled(make_cohort, tmp_path, n, kills):
    chance = random.Random(7)
    make_cohort(n).write(tmp_path / "cohort.parquet")
    told = {"cohort": str(tmp_path / "cohort.parquet"), "out": str(tmp_path / "runs"), "workers": 2, "seconds": 0.1}
    thresholds = sorted(chance.sample(range(n - 5), kills))
    whom = [chance.choice(("driver", "worker")) for _ in thresholds]
    whom[0] = "driver"
    with (tmp_path / "driver.log").open("wb") as log:
        driven = Driven(told, log)
        try:
            for threshold, victim in zip(thresholds, whom, strict=True):
                driven = _strike(driven, victim, threshold, chance.random(), told, log, tmp_path)
            driven = _to_the_end(driven, told, log, tmp_path)
        finally:
            driven.kill()
    assert driven.process.returncode == 0, (tmp_path / "driver.log").read_text()[-3000:]
    _check(tmp_path, n)


def _strike(driven, victim, threshold, moment, told, log, tmp_path):
    """Wait until so many rows are done (or the driver has ended), a random moment more, then kill."""
    deadline = time.monotonic() + PATIENCE_S
    while driven.alive() and done_rows(tmp_path / "runs") < threshold and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3 * moment)
    workers = driven.workers()
    if victim == "worker" and workers and driven.alive():
        with suppress(psutil.NoSuchProcess):
            workers[int(moment * len(workers))].send_signal(signal.SIGKILL)
        return driven
    driven.kill()
    return Driven(told, log)


def _to_the_end(driven, told, log, tmp_path):
    """Let it end; a machine so busy that Ray itself does not start is given another chance."""
    for _ in range(5):
        driven.process.wait(PATIENCE_S)
        if not driven.process.returncode or "Ray does not start" not in (tmp_path / "driver.log").read_text()[-400:]:
            break
        driven.kill()
        driven = Driven(told, log)
    return driven


def _check(tmp_path, n):
    (folder,) = (tmp_path / "runs").iterdir()
    rows = pq.read_table(folder / "results.parquet").to_pylist()
    assert [row["row_key"] for row in rows] == [f"r{i:04d}" for i in range(n)]
    assert {row["status"] for row in rows} == {"done"}
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        (run,) = ledger.runs()
        assert run.epoch > 1
        units = {unit.row_keys[0]: unit.unit_id for unit in ledger.units(run.run_id, outcomes=False)}
    for i, row in enumerate(rows):
        saved = row["output.image"]
        data = (folder / saved["uri"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == saved["sha256"]
        noise = np.random.default_rng(unit_seed(5, units[row["row_key"]])).standard_normal((4, 4))
        expected = np.full((4, 4), float(i)) * 2.0 + noise
        assert hashlib.sha256(f"<f8{expected.shape}".encode() + expected.tobytes()).hexdigest() == saved["digest"]
    assert verify_run(folder).sound
