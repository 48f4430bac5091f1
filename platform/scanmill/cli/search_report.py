"""What a search has found, as a table for people and as JSON for programs, with all that limits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanmill.cli.shell import plural, print_table, say

if TYPE_CHECKING:
    from scanmill.cli.asking import Answered
    from scanmill.cli.open_index import OpenIndex

MOST_SHOWN = 20


@dataclass(eq=False)
class SearchReport:
    """Grows with each query; ``not_asked`` are rows of a cohort that have no image to ask with, and why."""

    index: OpenIndex
    answers: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_asked: dict[str, str] = field(default_factory=dict)
    complete: bool = True
    n_queries: int = 0

    def add(self, answered: Answered, lines: Sequence[Any]) -> None:
        """The answers to one more query, in their last order."""
        self.answers += lines
        self.complete &= answered.complete
        self.n_queries += 1
        for note in answered.notes:
            self.note(note)

    def note(self, note: str) -> None:
        """Something to be said, once."""
        if note not in self.notes:
            self.notes.append(note)

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "complete": self.complete,
            "away": self.index.away,
            "metric": self.index.metric,
            "notes": self.notes,
            "not_asked": self.not_asked,
            "answers": self.answers,
        }

    def tell(self) -> None:
        """The answers as a table; below it what is missing, and why."""
        head = ("query", "rank", "score", "row", "shows", "run")
        lines = [(a["query"], a["rank"], a["score"], a["row_key"], a["shows"], a["run_id"]) for a in self.answers]
        skipped = 1 if self.n_queries == 1 else 0
        print_table("", head[skipped:], [line[skipped:] for line in lines])
        if self.index.away:
            n, shards = len(self.index.away), plural(len(self.index.shards), "shard")
            say("[yellow]partial[/yellow]: {} of {} away; better answers may exist", n, shards)
            _tell_reasons(self.index.away)
        if self.not_asked:
            say("[yellow]{} not asked[/yellow]", plural(len(self.not_asked), "row"))
            _tell_reasons(self.not_asked)
        for note in self.notes:
            say("{}", note)


def _tell_reasons(reasons: Mapping[str, str]) -> None:
    for name, why in list(reasons.items())[:MOST_SHOWN]:
        say("  {}: {}", name, why)
    if len(reasons) > MOST_SHOWN:
        say("  and {} more: --json lists them", len(reasons) - MOST_SHOWN)
