"""One attempt at one unit: its steps, phase by phase, from inputs to committed files."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scanmill.arrays import HostArray, use_device
from scanmill.engine.artifacts import commit_files, load_partial, save_partial, save_pictures
from scanmill.engine.conclude import conclude, scrubbed, traceback_text
from scanmill.engine.inputs import Inputs
from scanmill.engine.outcome import Artifact, Outcome
from scanmill.engine.reuse import reuse_key, stage_key
from scanmill.engine.stage_steps import BoundStep, bind, of_phase
from scanmill.engine.task import StageWork, Task
from scanmill.errors import InputError, ScanmillError, SpecError
from scanmill.steps.contract import Context, Output, Phase, Row, SavedFile
from scanmill.storage import Store, open_store

Values = dict[str, Any]
Report = Callable[[str, float, str], None]
LOGS = "logs"


@dataclass(frozen=True)
class Site:
    """Where an attempt runs: the worker's device (``array_device`` is its name in this process), node and folders."""

    device: str
    node: str
    array_device: str = "cpu"
    cache: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / f"scanmill-inputs-{os.getuid()}")


class Workshop:
    """What is the same for every attempt at a stage on one worker: bound steps, store, inputs, the stage's key."""

    def __init__(self, work: StageWork, site: Site) -> None:
        self.work, self.site = work, site
        self.steps: tuple[BoundStep, ...] = bind(work.steps)
        self.store: Store = open_store(work.store)
        self.inputs = Inputs(self.store, work.roots, site.cache)
        self.key = stage_key(self.steps, site.array_device)


@dataclass
class Gathered:
    """What the steps of an attempt have given so far, besides values."""

    metrics: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, HostArray] = field(default_factory=dict)
    files: list[SavedFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, label: str, output: Output) -> None:
        """Take a step's numbers, pictures and files; a name that is taken gets the step's label behind it."""
        for name, number in output.metrics.items():
            self.metrics[name if name not in self.metrics else f"{name}.{label}"] = float(number)
        for name, pixels in output.pictures.items():
            self.pictures[name if name not in self.pictures else f"{name}.{label}"] = pixels
        self.files += output.files
        self.warnings += output.warnings

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of a ``with`` block to ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


class Attempt:
    """Call `run` with read, compute and write in turn, each perhaps from another thread; then `outcome`.

    Values live between the phases and are dropped at the end. An exception ends the attempt: give it to `fail`.
    """

    def __init__(self, task: Task, shop: Workshop, report: Report = lambda unit_id, fraction, note: None) -> None:
        self.task, self.shop = task, shop
        self._top = Path(tempfile.mkdtemp(prefix="scanmill-"))
        self._staged_into = self._top / "inputs"
        self.scratch = self._top / "scratch"
        self.scratch.mkdir()
        self.staged: dict[str, str] = {}
        self.gathered = Gathered()
        self.artifacts: tuple[Artifact, ...] = ()
        self.key = ""
        self._report = report
        self._rows: tuple[Row, ...] = ()
        self._extra: tuple[Any, ...] = ()
        self._values: list[Values] = []
        self._partials: list[dict[str, HostArray]] = []
        self._unfit = False

    def run(self, phase: Phase) -> None:
        """Run the steps of one phase."""
        with self.gathered.timed(phase), use_device(self.shop.site.array_device):
            {"read": self._read, "compute": self._compute, "write": self._write}[phase]()

    def outcome(self) -> Outcome:
        """The outcome of an attempt that reached its end."""
        gathered, site = self.gathered, self.shop.site
        return Outcome(
            artifacts=self.artifacts,
            metrics=gathered.metrics,
            seconds=gathered.seconds,
            warnings=self._warnings(),
            reuse_key=self.key,
            device=site.device,
            node=site.node,
            tile=self.task.tile,
        )

    def fail(self, error: BaseException) -> Outcome:
        """The outcome of an attempt that ended with ``error``; the traceback goes into the run folder's logs."""
        verdict = conclude(error, self.staged, tile=self.task.tile)
        site, gathered = self.shop.site, self.gathered
        self._log(f"{verdict.error_class}: {verdict.error}\n\n{traceback_text(error, self.staged)}")
        pictures = self._pictures_of_failure()
        outcome = verdict.outcome(
            device=site.device, node=site.node, seconds=gathered.seconds, warnings=self._warnings()
        )
        return replace(outcome, artifacts=pictures, metrics=gathered.metrics) if self._unfit else outcome

    def close(self) -> None:
        """Let go of values, scratch and staged inputs."""
        self._values, self._partials = [], []
        self.gathered = Gathered()
        shutil.rmtree(self._top, ignore_errors=True)

    # --- the phases -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        task, inputs = self.task, self.shop.inputs
        self._rows = tuple(inputs.row(data, self.staged, self._staged_into) for data in task.rows)
        self._extra = inputs.files(task.extra, self.staged)
        self._partials = [
            load_partial(file.path) for file in inputs.files(task.partials, self.staged, self._staged_into)
        ]
        self.key = reuse_key(self.shop.key, task)
        for rows in self._row_sets():
            values: Values = {}
            self._run_steps(of_phase(self.shop.steps, "read"), values, rows)
            self._values.append(values)

    def _row_sets(self) -> list[tuple[Row, ...]]:
        """Rows that share values: all of a row or group; each by itself where rows are to be lifted."""
        if self.task.unit.kind == "reduce":
            return [(row,) for row in self._rows]
        return [self._rows]

    def _compute(self) -> None:
        steps = of_phase(self.shop.steps, "compute")
        if self.task.unit.kind == "reduce":
            self._reduce(steps)
        else:
            self._run_steps(steps, self._values[0], self._rows)

    def _reduce(self, steps: tuple[BoundStep, ...]) -> None:
        at = next((i for i, bound in enumerate(steps) if bound.step.reduction), None)
        if at is None:
            raise SpecError("a reduce stage has a step that reduces", got=[bound.label for bound in steps])
        reducer, reduction = steps[at], steps[at].step.reduction
        assert reduction is not None
        for row, values in zip(self._rows, self._values, strict=True):
            self._run_steps(steps[:at], values, (row,))
            with self.gathered.timed(reducer.label):
                self._partials.append(reduction.lift(_inputs(reducer, values), reducer.params))
            values.clear()
        with self.gathered.timed(reducer.label):
            self._partials = [reduction.combine(self._partials)]
            if self.task.finish:
                self._values = [{}]
                self._keep(reducer, self._values[0], reduction.finish(self._partials[0], reducer.params))
        if self.task.finish:
            self._run_steps(steps[at + 1 :], self._values[0], self._rows)

    def _write(self) -> None:
        if self.task.unit.kind == "reduce" and not self.task.finish:
            self.gathered.files.append(save_partial(self._partials[0], self.scratch))
        else:
            self._run_steps(of_phase(self.shop.steps, "write"), self._values[0], self._rows)
            taken = {saved.output for saved in self.gathered.files}
            pictures = {f"{n}.picture" if n in taken else n: pixels for n, pixels in self.gathered.pictures.items()}
            self.gathered.files += save_pictures(pictures, self.scratch)
        with self.gathered.timed("commit"):
            self.artifacts = commit_files(self.shop.store, self.task.folder, self.gathered.files, self.scratch)

    # --- one step ---------------------------------------------------------------------------------------------------

    def _run_steps(self, steps: Iterable[BoundStep], values: Values, rows: tuple[Row, ...]) -> None:
        for bound in steps:
            with self.gathered.timed(bound.label):
                self._keep(bound, values, bound.step.run(_inputs(bound, values), bound.params, self._context(rows)))

    def _context(self, rows: tuple[Row, ...]) -> Context:
        unit = self.task.unit
        return Context(
            rows=rows,
            scratch=self.scratch,
            seed=unit.seed,
            device=self.shop.site.array_device,
            tile=self.task.tile,
            progress=lambda fraction, note: self._report(unit.unit_id, fraction, note),
            extra=self._extra,
        )

    def _keep(self, bound: BoundStep, values: Values, output: Output) -> None:
        for port, value in output.values.items():
            values[bound.call.out.get(port, port)] = value
        self.gathered.add(bound.label, output)
        if output.failure is not None:
            self._unfit = True
            raise output.failure

    def _warnings(self) -> tuple[str, ...]:
        return tuple(scrubbed(text, self.staged, quotes=False) for text in self.gathered.warnings)

    def _pictures_of_failure(self) -> tuple[Artifact, ...]:
        """The pictures of a step that found its result unfit, in place; that they cannot be written is a warning."""
        if not (self._unfit and self.gathered.pictures):
            return ()
        try:
            saved = save_pictures(self.gathered.pictures, self.scratch)
            return commit_files(self.shop.store, self.task.folder, saved, self.scratch)
        except (ScanmillError, OSError):
            self.gathered.warnings.append("the pictures of this failure could not be written")
            return ()

    def _log(self, text: str) -> None:
        try:
            self.shop.store.put_bytes(text.encode(), f"{LOGS}/{self.task.folder}.txt")
        except ScanmillError:
            self.gathered.warnings.append("the log of this attempt could not be written")


def _inputs(bound: BoundStep, values: Mapping[str, Any]) -> Values:
    """The values for a step's read ports; tuples (one value per row of a group) go to ports with ``many``."""
    found: Values = {}
    for port, kind in bound.step.reads.items():
        name = bound.call.into.get(port, port)
        if name in values:
            found[port] = _fitting(values[name], many=kind.many, name=name)
        elif not kind.optional:
            raise InputError(f"there is no {name!r} for {bound.label}", expected=name, got=sorted(values))
    return found


def _fitting(value: Any, *, many: bool, name: str) -> Any:
    if many:
        return value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple):
        if len(value) != 1:
            raise InputError("a step takes one value and the group has several", where=name, expected=1, got=len(value))
        return value[0]
    return value
