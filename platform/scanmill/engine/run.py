"""A run: its stages one after another, each planned, driven to its end, and written down as results."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scanmill.cohort import Cohort
from scanmill.engine.book import BAD
from scanmill.engine.driver import DISK_RESERVE, Ending, StageDriver
from scanmill.engine.events import EventKind, RunEvent, RunSummary
from scanmill.engine.ledger import Epoch, Ledger, UnitRecord
from scanmill.engine.listeners import Audience
from scanmill.engine.marks import input_marks, marked
from scanmill.engine.messages import Record
from scanmill.engine.outcome import Outcome
from scanmill.engine.performer import Claim, Performer
from scanmill.engine.plan import plan_stage, refused_rows
from scanmill.engine.run_folder import RESULTS, RESULTS_FILES, RunFolder, stage_file
from scanmill.engine.scheduler import Scheduler
from scanmill.engine.settings import SchedulerSettings
from scanmill.engine.signals import Signals
from scanmill.engine.spec import JobSpec, StageSpec
from scanmill.engine.stage_cohort import ExtraFiles, results_of
from scanmill.engine.stage_results import unit_manifest, write_stage_results
from scanmill.engine.task import StageWork, StepCall
from scanmill.engine.task_maker import TaskMaker
from scanmill.engine.unit import Unit, UnitState
from scanmill.storage import open_store

STAGE = "stage.json"
SHORT_S, MANY_IN_FLIGHT, GATHER_S = 0.05, 64, 0.03
"""Units predicted to be shorter than this go out many to a call, and come back many to a transaction."""


@dataclass(frozen=True)
class PlannedStage:
    """A stage with its cohort and plan; ``known`` is what the ledger says of units that wait, None if all are new."""

    spec: StageSpec
    cohort: Cohort
    units: list[Unit]
    known: dict[str, UnitRecord] | None


@dataclass
class Run:
    """Drives a run; `drive` does it all and may be called again after a crash."""

    folder: RunFolder
    job: JobSpec
    ledger: Ledger
    epoch: Epoch
    performer: Performer
    audience: Audience
    signals: Signals
    reserve: int = DISK_RESERVE
    drained: dict[str, str] = field(default_factory=dict)
    _cohort: Cohort | None = None
    _environments: set[str] = field(default_factory=set)
    _revived: bool = False

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.epoch.run_id

    def drive(self) -> RunSummary:
        """Run what has not ended, stage after stage."""
        started = time.monotonic()
        self.ledger.reset_leased(self.epoch)
        self._tell("run_started", payload={"name": self.job.name, "epoch": self.epoch.number})
        ending = self._drive_stages()
        while ending == "done" and self._revived:  # somebody asked for units of stages that had ended
            self._revived = False
            ending = self._drive_stages()
        if ending == "done":
            self._publish_results()
        summary = self._summary(ending, time.monotonic() - started)
        self._tell("run_ended", payload={"status": ending})
        return summary

    def _drive_stages(self) -> Ending:
        for stage in self.job.stages:
            ending: Ending = "done" if self._is_complete(stage) else self._drive_stage(stage)
            if ending != "done":
                return ending
        return "done"

    # --- one stage --------------------------------------------------------------------------------------------------

    def _drive_stage(self, stage: StageSpec) -> Ending:
        planned = self._plan(stage)
        self._tell("stage_started", stage.name, self.ledger.counts(self.run_id, stage.name))
        ending: Ending = "done"
        if planned.units and (planned.known is None or planned.known):
            ending = self._work_through(planned)
        self._write_environments()
        counts = self._write_results(planned)
        self._tell("stage_ended", stage.name, counts, {"status": ending})
        return ending

    def _work_through(self, planned: PlannedStage) -> Ending:
        stage = planned.spec
        extra = ExtraFiles(self.folder, stage.extra_stages)
        tasks = TaskMaker(planned.cohort, extra, self.epoch.number, planned.units)
        if stage.kind == "reduce":
            for record in self.ledger.units(self.run_id, stage.name, "done"):
                if record.outcome is not None:
                    tasks.ended(record.unit_id, record.outcome)
        self.performer.open_stage(self._stage_work(planned), Claim(stage.cpus, stage.gpus, stage.workers))
        settings = scheduler_settings(stage, planned.units)
        driver = StageDriver(
            run_id=self.run_id,
            stage=stage.name,
            ledger=self.ledger,
            epoch=self.epoch,
            scheduler=Scheduler(settings),
            performer=self.performer,
            tasks=tasks,
            store=self.folder.store,
            tell=self.audience.tell,
            signals=self.signals,
            reserve=self.reserve,
            gather_s=GATHER_S if settings.in_flight == MANY_IN_FLIGHT else 0.0,
            drained=self.drained,
        )
        ending = driver.run(planned.units, planned.known)
        self._revived = self._revived or driver.revived
        return ending

    def _stage_work(self, planned: PlannedStage) -> StageWork:
        calls = tuple(
            StepCall(step.use, step.resolved().model_dump(mode="json"), dict(step.into), dict(step.out))
            for step in planned.spec.steps
        )
        store, roots = self.folder.store.uri, dict(planned.cohort.roots)
        return StageWork(self.run_id, planned.spec.name, planned.spec.kind, calls, store, roots)

    # --- planning ---------------------------------------------------------------------------------------------------

    def _plan(self, stage: StageSpec) -> PlannedStage:
        """Plan the stage and enter its units. Of a stage that was planned before only what waits is planned again.

        A stage that reads others may have other inputs by now: units that it no longer has are retired."""
        cohort = self._stage_cohort(stage)
        total = sum(self.ledger.counts(self.run_id, stage.name).values())
        sources = input_marks(self.folder, stage)
        if stage.kind == "rows" and total == len(cohort) > 0 and not sources:
            known = self._waiting(stage)
            keys = pa.array([record.row_keys[0] for record in known.values()], pa.string())
            rows = cohort.table.filter(pc.is_in(cohort.table["row_key"], value_set=keys))
            return PlannedStage(stage, cohort, plan_stage(stage, rows, self.job.seed), known)
        units = marked(plan_stage(stage, cohort.table, self.job.seed), sources)
        self.ledger.add_units(self.epoch, units)
        refused = self._refuse(stage, cohort)
        if total:
            self._mend(stage, units, refused)
        return PlannedStage(stage, cohort, units, self._waiting(stage) if total else None)

    def _mend(self, stage: StageSpec, units: list[Unit], refused: list[Unit]) -> None:
        """Make the ledger fit the plan: retire what is not in it; a unit of a reduction waits, or has failed, with
        what it needs, whatever was asked of one alone."""
        states = {one.unit_id: one for one in self.ledger.units(self.run_id, stage.name, outcomes=False)}
        planned = {unit.unit_id for one in (units, refused) for unit in one}
        self.ledger.retire(self.epoch, sorted(states.keys() - planned))
        records = []
        state: dict[str, UnitState] = {unit_id: one.state for unit_id, one in states.items()}
        for unit in units if stage.kind == "reduce" else ():
            record = _with_its_needs(states[unit.unit_id], {state[need] for need in unit.needs})
            if record is not None:
                state[unit.unit_id] = record.state
                records.append(record)
        self.ledger.apply(self.epoch, records, time.time())

    def _refuse(self, stage: StageSpec, cohort: Cohort) -> list[Unit]:
        """Rows that belong to no group have failed before they began; they too are in ledger and results."""
        refused = refused_rows(stage, cohort.table, self.job.seed)
        self.ledger.add_units(self.epoch, (unit for unit, _ in refused))
        records = [Record(unit.unit_id, "failed", 0, outcome=outcome, charged=False) for unit, outcome in refused]
        self.ledger.apply(self.epoch, records, time.time())
        return [unit for unit, _ in refused]

    def _waiting(self, stage: StageSpec) -> dict[str, UnitRecord]:
        found = self.ledger.units(self.run_id, stage.name, "waiting", outcomes=False)
        return {record.unit_id: record for record in found}

    def _stage_cohort(self, stage: StageSpec) -> Cohort:
        if stage.source_stage is None:
            self._cohort = self._cohort or self.folder.cohort()
            cohort = self._cohort
        else:
            cohort = results_of(self.folder, stage.source_stage, include_failed=stage.include_failed)
        return cohort.select(stage.where) if stage.where else cohort

    # --- what is written --------------------------------------------------------------------------------------------

    def _write_results(self, planned: PlannedStage) -> dict[UnitState, int]:
        stage = planned.spec
        table = planned.cohort.table
        units = planned.units + [unit for unit, _ in refused_rows(stage, table, self.job.seed)]
        manifest, row_of = unit_manifest(stage.name, stage.kind, stage.by, table, units)
        if row_of is None and sum(self.ledger.counts(self.run_id, stage.name).values()) != manifest.num_rows:
            row_of = {unit.unit_id: unit.row_keys[0] for unit in planned.units}
        write_stage_results(self.folder, stage.name, manifest, row_of, self.ledger.units(self.run_id, stage.name))
        counts = self.ledger.counts(self.run_id, stage.name)
        mark = {"counts": counts, "sources": self._sources(stage), "results": self._digest_of_results(stage.name)}
        self.folder.write_json(stage_file(stage.name, STAGE), mark)
        return counts

    def _is_complete(self, stage: StageSpec) -> bool:
        """Whether all its units have ended, its results are written, and what it was made from is unchanged."""
        mark = self.folder.read_json(stage_file(stage.name, STAGE))
        counts = self.ledger.counts(self.run_id, stage.name)
        ended = not any(counts.get(state, 0) for state in ("waiting", "leased"))
        same = mark.get("counts") == dict(counts) and mark.get("sources") == self._sources(stage)
        return ended and same and mark.get("results") == self._digest_of_results(stage.name) is not None

    def _sources(self, stage: StageSpec) -> dict[str, Any]:
        named = {name for name, _ in stage.extra_stages.values()} | ({stage.source_stage} - {None})
        return {name: self._digest_of_results(name) for name in sorted(filter(None, named))}

    def _digest_of_results(self, stage: str) -> str | None:
        self.folder.fetch(stage_file(stage, RESULTS))
        path = self.folder.path / stage_file(stage, RESULTS)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _publish_results(self) -> None:
        """The last stage's results are those of the run, durably."""
        here = open_store(self.folder.path)
        for name in RESULTS_FILES:
            here.put_file(self.folder.path / stage_file(self.job.stages[-1].name, name), name)
        self.folder.publish(*RESULTS_FILES)

    def _write_environments(self) -> None:
        """One record per node; a second one where the node has changed since."""
        for node, record in self.performer.environments().items():
            text = repr(sorted(record.items(), key=str))
            mark = hashlib.sha256(text.encode()).hexdigest()[:8]
            if mark not in self._environments:
                self._environments.add(mark)
                self.folder.write_json(f"environment/{node}-{mark}.json", record)

    # --- telling ----------------------------------------------------------------------------------------------------

    def _tell(
        self,
        kind: EventKind,
        stage: str = "",
        counts: Mapping[UnitState, int] | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        self.audience.tell(RunEvent(kind, self.run_id, time.time(), stage, counts=counts or {}, payload=payload or {}))

    def _summary(self, ending: Ending, seconds: float) -> RunSummary:
        counts = {stage.name: self.ledger.counts(self.run_id, stage.name) for stage in self.job.stages}
        last = self.folder.path / RESULTS
        return RunSummary(
            self.run_id,
            ending,
            str(self.folder.path),
            counts,
            seconds,
            str(last) if ending == "done" and last.is_file() else "",
            dict(self.drained),
        )


def _with_its_needs(unit: UnitRecord, needs: set[UnitState]) -> Record | None:
    """What becomes of a unit for the sake of those that it needs."""
    bad = needs & BAD
    if unit.state in BAD and "waiting" in needs and not bad:
        return Record(unit.unit_id, "waiting", unit.tries, charged=False, why="what it needs is tried again")
    if unit.state == "waiting" and bad:
        outcome = Outcome("InputError", f"upstream: a unit that it needs is {min(bad)}")
        return Record(unit.unit_id, "failed", unit.tries, outcome=outcome, charged=False, why="upstream")
    return None


def scheduler_settings(stage: StageSpec, units: list[Unit]) -> SchedulerSettings:
    """The scheduler's settings for a stage; short units go out many at a time."""
    seconds = [unit.predicted.seconds for unit in units[:1000]]
    limits = stage.timeout_s
    short = bool(seconds) and sum(seconds) / len(seconds) < SHORT_S
    return SchedulerSettings(
        attempts=stage.attempts,
        timeout_s={"read": limits.read, "compute": limits.compute, "write": limits.write},
        breaker_window=stage.breaker.window,
        breaker_fraction=stage.breaker.fraction,
        in_flight=MANY_IN_FLIGHT if short else 2,
    )
