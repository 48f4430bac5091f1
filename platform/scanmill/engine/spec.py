"""What a job is: stages of steps, from YAML, validated before anything starts. docs/job-file.md shows one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from scanmill.engine.job_text import Place, line_of, parse_yaml, read_text
from scanmill.engine.overrides import apply_overrides
from scanmill.engine.references import COHORT, check_references
from scanmill.engine.spec_errors import parameter_error, spec_error
from scanmill.engine.unit import StageKind
from scanmill.engine.unroll import REFERENCE, unroll
from scanmill.engine.wiring import saved_outputs, wiring_errors
from scanmill.errors import SpecError
from scanmill.steps.contract import Params
from scanmill.steps.table import find_step

ValueName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
StageName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*(\.[0-9]+)*$", max_length=64)]
Reference = Annotated[str, Field(pattern=REFERENCE.pattern + "$", max_length=200)]
Seconds = PositiveFloat | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Timeouts(_Part):
    """Seconds that a phase of one unit may take; null: no limit."""

    read: Seconds = 3600.0
    compute: Seconds = 21600.0
    write: Seconds = 3600.0


class BreakerSpec(_Part):
    """The run pauses when ``fraction`` of the last ``window`` attempts failed alike for the machine's sake."""

    window: int = Field(default=50, ge=5, le=10_000)
    fraction: float = Field(default=0.2, gt=0, le=1)


class TrackingSpec(_Part):
    """The MLflow experiment; empty: the job's name."""

    experiment: str = Field(default="", max_length=200)


class StepSpec(_Part):
    """A line of a job: ``use`` names the step; ``in`` and ``out`` rename its ports to values of the unit.

    In YAML: ``ct.prepare``, or ``ct.prepare: {floor: 1}``, or ``{use: ct.prepare, in: {}, out: {}, params: {}}``.
    """

    use: str = Field(min_length=1, max_length=100)
    into: dict[str, ValueName] = Field(default_factory=dict, alias="in")
    out: dict[str, ValueName] = Field(default_factory=dict)
    params: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _long_form(cls, told: Any) -> Any:
        if isinstance(told, str):
            return {"use": told}
        if isinstance(told, Mapping) and "use" not in told and len(told) == 1:
            use, params = next(iter(told.items()))
            return {"use": use, "params": params or {}}
        return told

    def resolved(self) -> Params:
        """Its parameters, defaults included; SpecError for an unknown step or parameter."""
        step = find_step(self.use)
        try:
            return step.params.model_validate(self.params)
        except ValidationError as error:
            raise parameter_error(error, self.use, step.params) from error


class StageSpec(_Part):
    """Units of one kind: a row each, a group of rows each (``by`` columns), or partials of a reduction."""

    name: StageName
    kind: StageKind = "rows"
    by: tuple[str, ...] = ()
    source: str = Field(COHORT, alias="from", pattern=rf"^({COHORT}|{REFERENCE.pattern})$", max_length=200)
    where: str | None = Field(None, max_length=10_000)
    extra: dict[ValueName, Reference] = Field(default_factory=dict, alias="with")
    steps: tuple[StepSpec, ...] = Field(min_length=1)
    timeout_s: Timeouts = Timeouts()
    attempts: int = Field(3, ge=1, le=100)
    workers: PositiveInt | None = None
    cpus: PositiveFloat = 1.0
    gpus: float = Field(0.0, ge=0)
    fan_in: int = Field(16, ge=2, le=10_000)
    breaker: BreakerSpec = BreakerSpec()
    include_failed: bool = False

    @model_validator(mode="after")
    def _by_goes_with_groups(self) -> Self:
        if (self.kind == "groups") != bool(self.by):
            raise ValueError("`by:` (columns) goes with `kind: groups`, and only there")
        return self

    @property
    def source_stage(self) -> str | None:
        """The stage whose results it works on; None for the cohort."""
        match = REFERENCE.fullmatch(self.source)
        return match[1] if match else None

    @property
    def extra_stages(self) -> dict[str, tuple[str, str]]:
        """The stage and the output behind each name under ``with:``."""
        found = {}
        for name, text in self.extra.items():
            stage, _, output = text[2:-1].rpartition(".")
            found[name] = (stage, output)
        return found


class JobSpec(_Part):
    """A job: its stages, unrolled. Make one with `load_job` or `JobSpec.from_mapping`."""

    version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", max_length=100)
    description: str = Field("", max_length=10_000)
    seed: int = Field(0, ge=0, lt=1 << 63)
    tracking: TrackingSpec = TrackingSpec()
    stages: tuple[StageSpec, ...] = Field(min_length=1)

    @classmethod
    def from_mapping(
        cls, told: Mapping[str, Any], *, where: str = "job", lines: Mapping[Place, int] | None = None
    ) -> Self:
        """Validate a mapping, down to every step's parameters and wiring; SpecError names the place."""
        flat = unroll(told.get("stages"))
        places = [place for _, place in flat]
        try:
            job = cls.model_validate({**told, "stages": [stage for stage, _ in flat]})
        except ValidationError as error:
            raise spec_error(error, where, lines or {}, places, cls) from error
        job.check(where=where, lines=lines, places=places)
        return job

    def check(
        self, *, where: str = "job", lines: Mapping[Place, int] | None = None, places: Iterable[Place] = ()
    ) -> None:
        """SpecError for the first thing that cannot work: references, steps, parameters, wiring."""
        before: dict[str, StageSpec] = {}
        for stage, place in zip(self.stages, list(places) or [()] * len(self.stages), strict=True):
            line = line_of(place, lines or {})
            spot = f"{where}, stage {stage.name}" + (f" (line {line})" if line else "")
            for index, step in enumerate(stage.steps):
                _check_step(step, spot, line_of((*place, "steps", index), lines or {}))
            check_references(stage, before, spot)
            if problems := wiring_errors(stage, _roles(stage, before, None)):
                raise SpecError("; ".join(problems), where=spot)
            before[stage.name] = stage

    def stage(self, name: str) -> StageSpec:
        """The stage of that name; SpecError when there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise SpecError("no such stage", got=name, expected=", ".join(stage.name for stage in self.stages))

    def wiring_errors(self, roles: Mapping[str, str] | Iterable[str] | None = None) -> list[str]:
        """What does not fit: ports that nobody writes, kinds that differ. ``roles`` are those of the cohort (a mapping
        tells their kinds); without them a name that no step writes may be a role."""
        stages = {stage.name: stage for stage in self.stages}
        found = []
        for stage in self.stages:
            problems = wiring_errors(stage, _roles(stage, stages, roles))
            found += [f"stage {stage.name}: {problem}" for problem in problems]
        return found

    def resolved(self) -> Self:
        """The same job with every parameter written out."""
        stages = []
        for stage in self.stages:
            steps = (
                step.model_copy(update={"params": step.resolved().model_dump(mode="json", by_alias=True)})
                for step in stage.steps
            )
            stages.append(stage.model_copy(update={"steps": tuple(steps)}))
        return self.model_copy(update={"stages": tuple(stages)})

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, all defaults explicit; `from_mapping` takes them back."""
        return self.resolved().model_dump(mode="json", by_alias=True)

    def to_yaml(self) -> str:
        """The resolved job for the run folder."""
        return yaml.safe_dump(self.to_mapping(), sort_keys=False, allow_unicode=True, width=120)


def load_job(path: Path, overrides: Iterable[str] | Mapping[str, Any] | None = None) -> JobSpec:
    """Read a job file, with ``--set`` overrides put in. SpecError names the line."""
    mapping, lines = parse_yaml(read_text(Path(path)), Path(path).name)
    if overrides:
        mapping = apply_overrides(mapping, overrides)
    return JobSpec.from_mapping(mapping, where=Path(path).name, lines=lines)


def _roles(
    stage: StageSpec, stages: Mapping[str, StageSpec], of_cohort: Mapping[str, str] | Iterable[str] | None
) -> Mapping[str, str] | Iterable[str] | None:
    """What reading a row of the stage yields: the cohort's roles, or what another stage saves."""
    return saved_outputs(stages[stage.source_stage]) if stage.source_stage else of_cohort


def _check_step(step: StepSpec, spot: str, line: int | None) -> None:
    try:
        step.resolved()
    except SpecError as error:
        place = f"{spot}, step {step.use}" + (f" (line {line})" if line else "")
        raise SpecError(error.what, where=place, expected=error.expected, got=error.got, do=error.do) from error
