"""How the command speaks: tables for people, JSON for programs, errors that suggest the next step."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from scanmill.errors import InputError, ResourceError, ScanmillError, SpecError

EXIT_CODES = {SpecError: 2, InputError: 3, ResourceError: 4}
"""2: the request is wrong; 3: the data is; 4: the machine is. 1 is everything else."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


class Shell(TyperGroup):
    """The command group; an error of ours becomes one message and an exit code, never a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        try:
            return super().main(*args, **kwargs)
        except ScanmillError as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            raise SystemExit(EXIT_CODES.get(type(error), 1)) from error


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; numbers stand to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", title_style="bold", header_style="dim", box=None)
    lines = [[_text(cell) for cell in row] for row in rows]
    for i, column in enumerate(columns):
        numeric = bool(lines) and all(_is_number(line[i]) for line in lines)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        table.add_row(*line)
    Console().print(table)


def say(text: str) -> None:
    """A line for people; rich markup is understood."""
    from rich.console import Console

    Console(soft_wrap=True).print(text, highlight=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.item() if hasattr(value, "item") else list(value) if isinstance(value, set | frozenset) else str(value)


def _text(cell: object) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else "" if cell is None else str(cell)


def _is_number(text: str) -> bool:
    try:
        float(text or 0)
    except ValueError:
        return False
    return True
