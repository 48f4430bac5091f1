"""`--dry-run`: what a job would cost, and whether it can run at all, without starting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from scanmill.cohort import Cohort
from scanmill.engine.plan import plan_stage
from scanmill.engine.spec import JobSpec, StageSpec
from scanmill.errors import ScanmillError, SpecError
from scanmill.storage import Roots, Store, open_store

PROBED_FILES = 5
"""How many files of each root are looked at."""


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


def plan_run(job: JobSpec, cohort: Cohort, *, out: str | Path = "runs", store: str | None = None) -> RunPlan:
    """Plan every stage and look whether storage can be read and written here and the output fits."""
    check_job(job, cohort)
    stages = tuple(_plan(stage, cohort, job.seed) for stage in job.stages)
    target = open_store(store or out)
    problems = [*storage_problems(target), *root_problems(cohort)]
    free = None if problems else target.free_bytes()
    needed = sum(stage.output_bytes for stage in stages)
    if free is not None and needed > free:
        problems.append(f"the output does not fit: {needed / 1e9:.1f} GB are predicted, {free / 1e9:.1f} GB are free")
    return RunPlan(job.name, len(cohort), stages, free, tuple(problems))


def check_job(job: JobSpec, cohort: Cohort) -> None:
    """Refuse a job that cannot work on this cohort: unknown values, missing roles; an empty cohort."""
    if not len(cohort):
        raise SpecError("the cohort has no rows", do="is the --where too narrow?")
    roles = set(cohort.files["role"].unique().to_pylist())
    errors = job.wiring_errors(roles)
    if errors:
        raise SpecError(f"the job does not fit together: {'; '.join(errors)}")


def storage_problems(store: Store) -> list[str]:
    """Why the store cannot be written and read back from here; empty when it can."""
    probe = f".scanmill-probe-{uuid4().hex}"
    try:
        store.put_bytes(b"probe", probe)
        well = store.get_bytes(probe) == b"probe"
        store.delete(probe)
    except ScanmillError as error:
        return [f"the output cannot be written here: {error.what}"]
    return [] if well else ["the output store gives back other bytes than were written"]


def root_problems(cohort: Cohort) -> list[str]:
    """Why the cohort's files cannot be read from here; a few of each root are looked at."""
    problems = []
    roots = Roots(dict(cohort.roots))
    for root in cohort.files["root"].unique().to_pylist():
        paths = _some(cohort, root)
        try:
            missing = sum(not roots.store(root).exists(path) for path in paths)
        except ScanmillError as error:
            problems.append(f"root {root!r} cannot be read here: {error.what}")
            continue
        if missing:
            problems.append(f"root {root!r}: {missing} of {len(paths)} files that were looked for are not there")
    return problems


def _some(cohort: Cohort, root: str) -> Sequence[str]:
    import pyarrow.compute as pc

    paths = cohort.files.filter(pc.equal(cohort.files["root"], root))["path"]
    step = max(len(paths) // PROBED_FILES, 1)
    return [paths[i].as_py() for i in range(0, len(paths), step)][:PROBED_FILES]


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
