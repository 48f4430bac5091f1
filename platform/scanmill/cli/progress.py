"""What the terminal shows while a run goes on: one bar a stage, rows per second, the time left, what failed."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from scanmill.engine.events import Estimate, RunEvent, RunSummary

LINE_EVERY_S = 10.0
"""How often a line is written where the output is no terminal."""


class LiveProgress:
    """A listener of the run; a context manager, so that the terminal is left as it was."""

    def __init__(self, console: Console | None = None, *, silent: bool = False) -> None:
        self.console = console or Console(stderr=True, quiet=silent)
        self.silent, self.live = silent, self.console.is_terminal and not silent
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
        )
        self.progress = Progress(*columns, console=self.console, disable=not self.live)
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._last_line = 0.0

    def __enter__(self) -> LiveProgress:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.progress.stop()

    def on_event(self, event: RunEvent) -> None:
        """Move the stage's bar; name a failure as it happens."""
        if event.kind == "note":
            self._say(f"[yellow]{event.payload.get('kind', 'note')}[/yellow] {event.payload.get('why', '')}".rstrip())
            return
        if not event.stage:
            return
        if event.kind == "unit" and event.outcome is not None and not event.outcome.done:
            keys = ", ".join(event.row_keys[:3])
            self._say(f"[red]{event.state}[/red] {keys}: {event.outcome.error_class}: {event.outcome.error}")
        self._move(event)

    def on_end(self, summary: RunSummary) -> None:
        """Nothing more to draw."""

    def _move(self, event: RunEvent) -> None:
        counts = dict(event.counts)
        ended = sum(counts.get(state, 0) for state in ("done", "failed", "quarantined", "cancelled"))
        total = sum(counts.values())
        begun = self._started.setdefault(event.stage, time.monotonic())
        facts = describe(
            ended, counts.get("failed", 0) + counts.get("quarantined", 0), time.monotonic() - begun, event.estimate
        )
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self.progress.add_task(event.stage, total=total or None, facts=facts)
        self.progress.update(self._tasks[event.stage], completed=ended, total=total or None, facts=facts)
        if not (self.live or self.silent) and (
            time.monotonic() - self._last_line > LINE_EVERY_S or event.kind == "stage_ended"
        ):
            self._last_line = time.monotonic()
            sys.stderr.write(f"{event.stage}: {ended}/{total} {facts}\n")

    def _say(self, text: str) -> None:
        self.progress.console.print(text, highlight=False, soft_wrap=True)


def describe(ended: int, bad: int, seconds: float, estimate: Estimate) -> str:
    """Rows per second, failures and the honest time left.

    >>> describe(20, 1, 10.0, Estimate(90.0, 60.0, 130.0))
    '2 rows/s · 1 failed · 1.5 min left (1 min to 2.2 min)'
    """
    parts = [f"{ended / seconds:.2g} rows/s"] if ended and seconds > 0 else []
    parts += [f"{bad} failed"] if bad else []
    if estimate.seconds is not None:
        left = f"{duration(estimate.seconds)} left"
        if estimate.low is not None and estimate.high is not None and estimate.high > 1.0:
            left += f" ({duration(estimate.low)} to {duration(estimate.high)})"
        parts.append(left)
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use.

    >>> duration(42), duration(150), duration(9000)
    ('42 s', '2.5 min', '2.5 h')
    """
    for size, word in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.2g} {word}"
    return f"{seconds:.2g} s"
