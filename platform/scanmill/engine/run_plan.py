"""`--dry-run`: what a job would cost, and whether it can run at all, without starting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from scanmill.cohort import Cohort
from scanmill.engine.plan import plan_stage
from scanmill.engine.reach import Probe, reach_problems, reach_problems_of_nodes
from scanmill.engine.spec import JobSpec, StageSpec
from scanmill.errors import SpecError
from scanmill.storage import open_store


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What one stage would do. ``device_bytes`` is the largest of any unit; later stages assume that all rows pass."""

    name: str
    kind: str
    units: int
    hours: float
    device_bytes: int
    output_bytes: int


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would do. ``problems`` say why it cannot; ``free_bytes`` is None where nobody knows."""

    name: str
    rows: int
    stages: tuple[StagePlan, ...]
    free_bytes: int | None
    problems: tuple[str, ...] = field(default=())

    @property
    def units(self) -> int:
        """Of all stages."""
        return sum(stage.units for stage in self.stages)

    @property
    def hours(self) -> float:
        """Predicted hours of one worker."""
        return sum(stage.hours for stage in self.stages)

    @property
    def output_bytes(self) -> int:
        """Of all stages."""
        return sum(stage.output_bytes for stage in self.stages)


def plan_run(
    job: JobSpec, cohort: Cohort, *, out: str | Path = "runs", store: str | None = None, address: str | None = None
) -> RunPlan:
    """Plan every stage and look whether the output fits and storage can be read and written: here, or on every node
    of the cluster at ``address``."""
    check_job(job, cohort)
    stages = tuple(_plan(stage, cohort, job.seed) for stage in job.stages)
    target = open_store(store or out)
    probe = Probe.of(cohort, target.uri)
    problems = reach_problems_of_nodes(address, probe) if address else reach_problems(probe)
    free = None if problems else target.free_bytes()
    needed = sum(stage.output_bytes for stage in stages)
    if free is not None and needed > free:
        problems.append(f"the output does not fit: {needed / 1e9:.1f} GB are predicted, {free / 1e9:.1f} GB are free")
    return RunPlan(job.name, len(cohort), stages, free, tuple(problems))


def check_job(job: JobSpec, cohort: Cohort) -> None:
    """Refuse a job that cannot work on this cohort: unknown values, roles and columns; an empty cohort."""
    if not len(cohort):
        raise SpecError("the cohort has no rows", do="is the --where too narrow?")
    roles = set(cohort.files["role"].unique().to_pylist())
    errors = job.wiring_errors(roles)
    if errors:
        raise SpecError(f"the job does not fit together: {'; '.join(errors)}")
    for stage in job.stages:
        if stage.source_stage is None:
            _check_columns(stage, cohort.table.column_names)


def _check_columns(stage: StageSpec, columns: list[str]) -> None:
    """Refuse a ``where`` that is no expression over the cohort's columns, and columns that are named but not there."""
    from scanmill.cohort.select import check_expression

    if stage.where:
        check_expression(stage.where, columns)
    _check_named(stage.by, columns, "the cohort has no such column to group by", f"stage {stage.name}")
    for step in stage.steps:
        _check_named(
            step.resolved().columns(), columns, "the cohort has no such column", f"stage {stage.name}, {step.use}"
        )


def _check_named(names: Sequence[str], columns: list[str], what: str, where: str) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        near = get_close_matches(missing[0], columns, n=3) or sorted(columns)[:12]
        raise SpecError(what, where=where, got=", ".join(missing), do=f"did you mean {', '.join(near)}?")


def _plan(stage: StageSpec, cohort: Cohort, seed: int) -> StagePlan:
    rows = cohort.select(stage.where) if stage.where and stage.source == "cohort" else cohort
    units = plan_stage(stage, rows.table, seed)
    return StagePlan(
        stage.name,
        stage.kind,
        len(units),
        sum(unit.predicted.seconds for unit in units) / 3600,
        max((unit.predicted.device_bytes for unit in units), default=0),
        sum(unit.predicted.output_bytes for unit in units),
    )
