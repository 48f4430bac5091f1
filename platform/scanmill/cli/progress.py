"""What the terminal shows while a run goes on: one bar a stage, rows per second, the time left, what failed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from scanmill.engine.events import Estimate, RunEvent, RunSummary

LINE_EVERY_S = 10.0
"""How often a line is written where the output is no terminal."""
MOST_NAMED = 20
"""Failures told one by one; after so many only counted."""
NOTES = {
    "device_drained": "device {device} is drained: {why}",
    "worker_killed": "worker {worker} was killed: {why}",
    "worker_down": "worker {worker} is gone: {why}",
    "paused": "paused: {why}",
    "unpaused": "going on",
    "draining": "winding down: what is in hand is finished; press Ctrl-C again to stop at once",
}
"""The notes that people want to hear; the others are for the ledger and the pages."""


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
        self._started: dict[str, tuple[float, int]] = {}
        self._last_line = time.monotonic()
        self._named = 0

    def __enter__(self) -> LiveProgress:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.progress.stop()

    def on_event(self, event: RunEvent) -> None:
        """Move the stage's bar; name a failure as it happens."""
        if event.kind == "note":
            if said := note_text(event.payload):
                self._say(f"[yellow]{escape(said)}[/yellow]")
            return
        if not event.stage:
            return
        if event.kind == "unit" and event.outcome is not None and not event.outcome.done:
            self._name(event)
        self._move(event)

    def on_end(self, summary: RunSummary) -> None:
        """Nothing more to draw."""

    def _name(self, event: RunEvent) -> None:
        assert event.outcome is not None
        self._named += 1
        keys = ", ".join(event.row_keys[:3]) + (" and others" if len(event.row_keys) > 3 else "")
        if self._named <= MOST_NAMED:
            why = escape(f"{keys}: {event.outcome.error_class}: {event.outcome.error}")
            self._say(f"[red]{event.state}[/red] {why}")
        elif self._named == MOST_NAMED + 1:
            self._say("[red]more rows fail[/red]; they are counted, and `scanmill runs show` lists them")

    def _move(self, event: RunEvent) -> None:
        counts = dict(event.counts)
        ended = sum(counts.get(state, 0) for state in ("done", "failed", "quarantined", "cancelled"))
        total = sum(counts.values())
        begun, before = self._started.setdefault(event.stage, (time.monotonic(), ended))
        bad = counts.get("failed", 0) + counts.get("quarantined", 0)
        facts = describe(max(ended - before, 0), bad, time.monotonic() - begun, event.estimate)
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self.progress.add_task(event.stage, total=total or None, facts=facts)
        self.progress.update(self._tasks[event.stage], completed=ended, total=total or None, facts=facts)
        if not self.live and (time.monotonic() - self._last_line > LINE_EVERY_S or event.kind == "stage_ended"):
            self._last_line = time.monotonic()
            self._say(escape(f"{event.stage}: {ended}/{total}" + (f" · {facts}" if facts else "")))

    def _say(self, text: str) -> None:
        self.progress.console.print(text, highlight=False, soft_wrap=True)


def note_text(payload: Mapping[str, Any]) -> str:
    """A note for people; empty for those that are not.

    >>> note_text({"kind": "paused", "why": "the disk is full"}), note_text({"kind": "progress", "fraction": 0.5})
    ('paused: the disk is full', '')
    """
    words = {"device": "", "worker": "", "why": "", **payload}
    return NOTES.get(str(payload.get("kind")), "").format_map(words)


def describe(ended: int, bad: int, seconds: float, estimate: Estimate) -> str:
    """Rows per second, failures and the honest time left.

    >>> describe(20, 1, 10.0, Estimate(90.0, 60.0, 130.0))
    '2 rows/s · 1 failed · 1.5 min left (1 min to 2.2 min)'
    """
    parts = [rate(ended / seconds)] if ended and seconds > 0 else []
    parts += [f"{bad} failed"] if bad else []
    if estimate.seconds is not None and estimate.seconds > 0:
        left = f"{duration(estimate.seconds)} left"
        if estimate.low is not None and estimate.high is not None and estimate.high > 1.0:
            left += f" ({duration(estimate.low)} to {duration(estimate.high)})"
        parts.append(left)
    return " · ".join(parts)


def rate(rows_per_s: float) -> str:
    """Rows per second, or per minute or hour where they are slow.

    >>> rate(1234.4), rate(2.0), rate(0.08), rate(0.005)
    ('1234 rows/s', '2 rows/s', '4.8 rows/min', '18 rows/h')
    """
    for size, word in ((1.0, "s"), (60.0, "min")):
        if rows_per_s * size >= 1:
            value = rows_per_s * size
            return f"{value:.0f} rows/{word}" if value >= 100 else f"{value:.2g} rows/{word}"
    return f"{rows_per_s * 3600:.2g} rows/h"


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use.

    >>> duration(42), duration(150), duration(9000), duration(259200)
    ('42 s', '2.5 min', '2.5 h', '3 days')
    """
    for size, word in ((172800.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            size = 86400.0 if word == "days" else size
            return f"{seconds / size:.2g} {word}" if seconds / size < 100 else f"{seconds / size:.0f} {word}"
    return f"{seconds:.2g} s"
