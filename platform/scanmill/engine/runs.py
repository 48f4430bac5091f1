"""What the command does with runs: start, resume, retry, cancel, list, show, verify, and plan without starting."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import scanmill
from scanmill.cohort import Cohort
from scanmill.engine.driver import bad_units
from scanmill.engine.environment import commit
from scanmill.engine.events import Listener, RunSummary
from scanmill.engine.ledger import Epoch, Ledger, UnitRecord
from scanmill.engine.listeners import Audience
from scanmill.engine.messages import Record
from scanmill.engine.performer import Performer
from scanmill.engine.reuse import library_versions, step_key
from scanmill.engine.run import Run
from scanmill.engine.run_folder import FORMAT, JOB, LEDGER, RUN, RunFolder
from scanmill.engine.run_plan import check_job, plan_run
from scanmill.engine.run_view import list_runs, show_run
from scanmill.engine.signals import heeding_signals
from scanmill.engine.spec import JobSpec, load_job
from scanmill.engine.stage_steps import bind
from scanmill.engine.task import StepCall
from scanmill.engine.verify import verify_run
from scanmill.errors import SpecError

__all__ = ["cancel_run", "list_runs", "plan_run", "resume_run", "retry_run", "show_run", "start_run", "verify_run"]

LEDGER_URL = "SCANMILL_LEDGER"
"""The environment variable that says where the ledger is when no argument does (a password belongs there)."""
LAST_WORD = ("description", "tracking")
"""Parts of a job that change nothing in its results: they do not make it another run."""


def start_run(
    job: JobSpec,
    cohort: Cohort,
    *,
    out: str | Path = "runs",
    store: str | None = None,
    ledger_url: str | None = None,
    address: str | None = None,
    workers: int | None = None,
    listeners: Sequence[Listener] = (),
    performer: Performer | None = None,
) -> RunSummary:
    """Run a job over a cohort, or go on with it: the same job, cohort and code in the same ``out`` are the same run.

    A run that has ended is answered from its folder; nothing is computed. ``store`` (a URI) takes artifacts and logs
    where they should not lie in the run folder. ``workers`` 0 works in this process, else on Ray: a local one, or the
    cluster at ``address``, which needs a PostgreSQL ledger. Raises SpecError before anything starts.
    """
    check_job(job, cohort)
    run_id = run_id_of(job, cohort)
    folder = RunFolder.at(out, run_id, store)
    where = _ledger_url(folder, ledger_url, address)
    if not folder.is_run:
        _create(folder, run_id, job, cohort, where)
    return _drive(folder, where, address, workers, listeners, performer)


def resume_run(
    folder: str | Path,
    *,
    ledger_url: str | None = None,
    address: str | None = None,
    workers: int | None = None,
    listeners: Sequence[Listener] = (),
    performer: Performer | None = None,
) -> RunSummary:
    """Go on with a run that was interrupted, killed or cancelled; what was cancelled waits again."""
    opened = RunFolder.open(folder)
    where = _ledger_url(opened, ledger_url, address)
    return _drive(opened, where, address, workers, listeners, performer, revive=("cancelled",))


def retry_run(
    folder: str | Path, keys: Iterable[str] = (), *, ledger_url: str | None = None, **how: Any
) -> RunSummary | None:
    """Try failed and quarantined units again: those of these row keys or unit ids, or all of them.

    A driver that is at work is asked to, and the answer is None; else the run is resumed (``how``: as `resume_run`).
    """
    opened = RunFolder.open(folder)
    where = _ledger_url(opened, ledger_url, None)
    with Ledger.open(where) as ledger:
        run_id = opened.facts()["run_id"]
        units = _bad_units(ledger, run_id, keys)
        if units:
            ledger.request(run_id, "retry", units)
        if ledger.driver_lives(run_id):
            return None
    return resume_run(folder, ledger_url=where, **how)


def cancel_run(folder: str | Path, *, ledger_url: str | None = None) -> bool:
    """Stop a run: what is being worked on ends, what waits is cancelled. True when a driver was asked to, False when
    there was none and it is done already."""
    opened = RunFolder.open(folder)
    with Ledger.open(_ledger_url(opened, ledger_url, None)) as ledger:
        run_id = opened.facts()["run_id"]
        if ledger.driver_lives(run_id):
            ledger.request(run_id, "cancel")
            return True
        with ledger.begin(run_id) as epoch:
            ledger.reset_leased(epoch)
            _move(ledger, epoch, ledger.units(run_id, state="waiting", outcomes=False), "cancelled")
    return False


def run_id_of(job: JobSpec, cohort: Cohort) -> str:
    """The job's name and a hash of what decides its results: job, cohort, the steps' sources, numeric libraries."""
    told = {name: part for name, part in job.to_mapping().items() if name not in LAST_WORD}
    calls = [StepCall(step.use, step.resolved().model_dump(mode="json")) for one in job.stages for step in one.steps]
    code = [step_key(bound) for call in calls for bound in bind([call])]
    parts = json.dumps([told, cohort.digest, code, library_versions()], sort_keys=True, default=str)
    return f"{job.name.replace(' ', '-')}-{hashlib.sha256(parts.encode()).hexdigest()[:10]}"


# --- how --------------------------------------------------------------------------------------------------------


def _create(folder: RunFolder, run_id: str, job: JobSpec, cohort: Cohort, ledger_url: str) -> None:
    """Make the run folder; ``run.json`` comes last, so that half a folder is no run."""
    folder.write_cohort(cohort)
    folder.write_text(JOB, job.to_yaml())
    facts = {
        "format": FORMAT,
        "run_id": run_id,
        "name": job.name,
        "created_at": time.time(),
        "cohort": {"digest": cohort.digest, "rows": len(cohort)},
        "scanmill": {"version": scanmill.__version__, **commit()},
        "store": "" if folder.is_one else folder.store.uri,
        "ledger": "" if ledger_url == str(folder.path / LEDGER) else _without_password(ledger_url),
    }
    folder.write_json(RUN, facts)


def _drive(
    folder: RunFolder,
    ledger_url: str,
    address: str | None,
    workers: int | None,
    listeners: Sequence[Listener],
    performer: Performer | None,
    revive: tuple[str, ...] = (),
) -> RunSummary:
    facts = folder.facts()
    folder.fetch(JOB)
    job = load_job(folder.path / JOB)
    audience = Audience(listeners)
    with Ledger.open(ledger_url) as ledger:
        text = (folder.path / JOB).read_text("utf-8")  # as it was written: a later Scanmill may know more defaults
        ledger.create_run(facts["run_id"], job.name, text, facts["cohort"]["digest"])
        with ledger.begin(facts["run_id"]) as epoch, heeding_signals() as signals:
            _prepare(ledger, epoch, revive)
            with _performing(performer, address, workers) as chosen:
                run = Run(folder, job, ledger, epoch, chosen, audience, signals)
                summary = run.drive()
    audience.end(summary)
    return summary


def _prepare(ledger: Ledger, epoch: Epoch, revive: Iterable[str]) -> None:
    """Carry out what was asked while nobody drove: retries. Older wishes to stop are void once somebody goes on."""
    for request in ledger.take_requests(epoch):
        if request.what == "retry":
            _move(ledger, epoch, bad_units(ledger, epoch.run_id, request.unit_ids), "waiting")
    for state in revive:
        _move(ledger, epoch, ledger.units(epoch.run_id, state=state, outcomes=False), "waiting")  # type: ignore[arg-type]


def _move(ledger: Ledger, epoch: Epoch, records: Iterable[UnitRecord], state: Any) -> None:
    why = "asked to" if state == "waiting" else "cancelled"
    changes = [Record(one.unit_id, state, one.tries, charged=False, why=why) for one in records]
    if changes:
        ledger.apply(epoch, changes, time.time())


def _bad_units(ledger: Ledger, run_id: str, keys: Iterable[str]) -> list[str]:
    wanted = set(keys)
    found = list(bad_units(ledger, run_id))
    unknown = wanted - {name for one in found for name in (one.unit_id, *one.row_keys)}
    if unknown:
        named = ", ".join(sorted(unknown)[:5])
        raise SpecError("nothing of this name has failed", got=named, do="`scanmill runs show` lists what failed")
    return [one.unit_id for one in found if not wanted or one.unit_id in wanted or wanted.intersection(one.row_keys)]


@contextmanager
def _performing(performer: Performer | None, address: str | None, workers: int | None) -> Iterator[Performer]:
    if performer is not None:
        yield performer
        return
    if workers == 0:
        from scanmill.engine.in_process import InProcess

        performer = InProcess()
    else:
        from scanmill.engine.on_ray import OnRay

        performer = OnRay(address=address, workers=workers)
    try:
        yield performer
    finally:
        performer.close()


def _ledger_url(folder: RunFolder, ledger_url: str | None, address: str | None) -> str:
    named = ledger_url or os.environ.get(LEDGER_URL) or (folder.facts()["ledger"] if folder.is_run else "")
    if not named and address not in {None, "local"}:
        raise SpecError(
            "a cluster needs a ledger of its own", do="give --ledger postgresql://... (SQLite is for one machine)"
        )
    return named or str(folder.path / LEDGER)


def _without_password(url: str) -> str:
    head, at, rest = url.rpartition("@")
    scheme, slashes, user = head.partition("://")
    return f"{scheme}{slashes}{user.partition(':')[0]}{at}{rest}" if at else url
