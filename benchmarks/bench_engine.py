"""What the engine itself costs: ``python benchmarks/bench_engine.py [--quick] [--only NAME]``.

Driver time per no-op row on a real Ray with start events and durable commits; planning a million rows; resuming a job
with a million finished rows; the overlap of reading, computing and writing. Each part runs in a process of its own, so
that its peak memory is its own. Writes benchmarks/results/engine-<date>.md.
"""

import argparse
import datetime as dt
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

HERE = Path(__file__).parent
PLUGIN = HERE.parent / "tests" / "engine" / "plugin"
sys.path.insert(0, str(PLUGIN))

GATHER_S = 0.03
NOOP = {"name": "main", "steps": ["t.nothing_read", "t.nothing"]}
LIMITS = {
    "noop": ("driver time per no-op row", "ms", 1.0),
    "plan": ("planning and entering", "s", 60.0),
    "resume": ("resume until work goes on", "s", 60.0),
    "overlap": ("time against n units of one phase", "", 1.5),
}


def big_cohort(n):
    from scanmill.cohort import Cohort
    from scanmill.cohort.schema import FILES

    columns = {
        "row_key": pa.array([f"r{i:07d}" for i in range(n)]),
        "patient_key": pa.array([f"p{i // 4}" for i in range(n)]),
        "content_digest": pa.array([f"{i:064x}" for i in range(n)]),
        "bytes": pa.array([0] * n, pa.int64()),
        "n_files": pa.array([0] * n, pa.int32()),
        "card": pa.array([""] * n),
        "contains_identity": pa.array([False] * n),
    }
    return Cohort(pa.table(columns), FILES.empty_table(), {})


def job():
    from scanmill.engine.spec import JobSpec

    return JobSpec.from_mapping({"name": "bench", "stages": [NOOP]})


class Clock:
    """A listener that notes when the first worker was up, the first unit ended and the stage ended."""

    def __init__(self):
        self.at, self.cpu = {}, {}

    def on_event(self, event):
        word = event.payload.get("kind", event.kind)
        if word not in self.at or word == "unit":
            self.at.setdefault(f"first_{word}", time.perf_counter())
            self.cpu.setdefault(f"first_{word}", time.process_time())
            self.at[word], self.cpu[word] = time.perf_counter(), time.process_time()

    def on_end(self, summary):
        pass


def noop(quick):
    """What the driver does besides waiting for news: scheduling, tasks, Ray calls, durable commits."""
    from scanmill.engine.on_ray import OnRay
    from scanmill.engine.runs import start_run

    class Timed(OnRay):
        waited, wakes = 0.0, 0

        def poll(self, timeout_s):
            started = time.perf_counter()
            heard = super().poll(timeout_s)
            if clock.at.get("first_worker_up"):
                self.waited += time.perf_counter() - started
                self.wakes += bool(heard and timeout_s)
            return heard

    n = 2_000 if quick else 10_000
    os.environ["PYTHONPATH"] = str(PLUGIN)
    clock, performer = Clock(), Timed(workers=2)
    with tempfile.TemporaryDirectory() as folder:
        summary = start_run(job(), big_cohort(n), out=folder, performer=performer, listeners=[clock])
    performer.close()
    assert summary.counts["main"]["done"] == n
    wall = clock.at["unit"] - clock.at["first_worker_up"]
    cpu = clock.cpu["unit"] - clock.cpu["first_worker_up"]
    busy = wall - performer.waited - performer.wakes * GATHER_S
    return {
        "value": 1e3 * busy / n,
        "rows": n,
        "wall_s": wall,
        "rows_per_s": n / wall,
        "driver_cpu_ms_per_row": 1e3 * cpu / n,
        "wake_ups": performer.wakes,
    }


def plan(quick):
    from scanmill.engine.ledger import Ledger
    from scanmill.engine.plan import plan_stage

    n = 50_000 if quick else 1_000_000
    cohort = big_cohort(n)
    started = time.perf_counter()
    units = plan_stage(job().stages[0], cohort.table, 0)
    planned = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.sqlite") as ledger:
        ledger.create_run("r", "bench", "", "")
        with ledger.begin("r") as epoch:
            ledger.add_units(epoch, units)
    return {"value": time.perf_counter() - started, "rows": n, "plan_s": planned}


def resume(quick):
    from scanmill.engine.in_process import InProcess
    from scanmill.engine.ledger import Ledger
    from scanmill.engine.messages import Record
    from scanmill.engine.outcome import Outcome
    from scanmill.engine.plan import plan_stage
    from scanmill.engine.runs import start_run

    n, left = (50_000, 10) if quick else (1_000_000, 100)
    cohort, spec = big_cohort(n), job()
    outcome = Outcome(metrics={"psnr": 30.0, "ssim": 0.9}, seconds={"read": 1.0, "compute": 2.0}, reuse_key="0" * 64)
    with tempfile.TemporaryDirectory() as folder:
        folder = _made_run(spec, cohort, folder)
        with Ledger.open(folder / "ledger.sqlite") as ledger:
            ledger.create_run(folder.name, spec.name, spec.to_yaml(), cohort.digest)
            with ledger.begin(folder.name) as epoch:
                units = plan_stage(spec.stages[0], cohort.table, spec.seed)
                ledger.add_units(epoch, units)
                for start in range(0, n - left, 20_000):
                    chunk = units[start : min(start + 20_000, n - left)]
                    records = [Record(u.unit_id, "done", 1, "w1", "d", outcome, charges=1) for u in chunk]
                    ledger.apply(epoch, records, time.time())
        del units
        clock = Clock()
        started = time.perf_counter()
        summary = start_run(spec, cohort, out=folder.parent, performer=InProcess(1), listeners=[clock])
        total = time.perf_counter() - started
        assert summary.counts["main"]["done"] == n
        again = time.perf_counter()
        start_run(spec, cohort, out=folder.parent, performer=InProcess(1))
        return {
            "value": clock.at["first_unit"] - started,
            "rows": n,
            "with_results_s": total,
            "finished_again_s": time.perf_counter() - again,
        }


def _made_run(spec, cohort, folder):
    from scanmill.engine.run_folder import LEDGER, RunFolder
    from scanmill.engine.runs import _create, run_id_of

    run_id = run_id_of(spec, cohort)
    made = RunFolder.at(folder, run_id)
    _create(made, run_id, spec, cohort, str(made.path / LEDGER))
    return made.path


def overlap(quick):
    import threading

    from scanmill.engine.execute import Site
    from scanmill.engine.messages import UnitEnded
    from scanmill.engine.task import StageWork, StepCall, Task
    from scanmill.engine.unit import Unit
    from scanmill.engine.worker import Worker

    n, nap = (10, 0.1) if quick else (50, 0.2)
    left, done = [n], threading.Event()

    def hear(event):
        if isinstance(event, UnitEnded):
            left[0] -= 1
            if not left[0]:
                done.set()

    with tempfile.TemporaryDirectory() as folder:
        worker = Worker("w1", Site("here/cpu:0", "here"), hear)
        calls = tuple(StepCall(f"t.{word}", {"seconds": nap}) for word in ("sleep_read", "sleep", "sleep_write"))
        worker.set_stage(StageWork("r", "main", "rows", calls, Path(folder).as_uri()))
        tasks = [Task(Unit(f"u{i}", "main", "rows", ()), 1, 1, "w1") for i in range(n)]
        started = time.perf_counter()
        worker.submit(tasks)
        done.wait()
        total = time.perf_counter() - started
        worker.stop(None)
    return {"value": total / (n * nap), "units": n, "wall_s": total, "one_after_another_s": 3 * n * nap}


def measured(name, quick):
    command = [sys.executable, __file__, "--part", name, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def table(found, quick):
    lines = [
        f"# Engine, {dt.date.today().isoformat()}{' (quick)' if quick else ''}",
        "",
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{platform.system()}. `python benchmarks/bench_engine.py{' --quick' if quick else ''}`",
        "",
        "| part | what | measured | limit | peak memory | more |",
        "|---|---|---|---|---|---|",
    ]
    for name, facts in found.items():
        what, unit, limit = LIMITS[name]
        rest = ", ".join(f"{k} {v:.4g}" for k, v in facts.items() if k not in {"value", "peak_mb"})
        value = f"{facts['value']:.3g} {unit}".strip()
        lines.append(f"| {name} | {what} | {value} | {limit:g} {unit} | {facts['peak_mb']:.0f} MB | {rest} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rows; nothing is written")
    parser.add_argument("--only", choices=LIMITS)
    parser.add_argument("--part", choices=LIMITS, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.part:
        facts = globals()[told.part](told.quick)
        facts["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(facts))
        return
    found = {name: measured(name, told.quick) for name in ([told.only] if told.only else LIMITS)}
    text = table(found, told.quick)
    print(text)
    if not told.quick and not told.only:
        target = HERE / "results" / f"engine-{dt.date.today().isoformat()}.md"
        target.write_text(text, "utf-8")
    missed = [name for name, facts in found.items() if facts["value"] > LIMITS[name][2]]
    sys.exit(f"over the limit: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
