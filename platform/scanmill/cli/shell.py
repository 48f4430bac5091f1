"""How the command speaks: tables for people, JSON for programs, errors that suggest the next step."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from scanmill.errors import InputError, ResourceError, ScanmillError, SpecError

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODES = {SpecError: 2, InputError: 3, ResourceError: 4}
"""2: the request is wrong; 3: the data is; 4: the machine is. 1 is everything else."""
DEBUG = "SCANMILL_DEBUG"
"""The environment variable that lets a fault of ours through with its traceback."""
PIPE_WIDTH = 160
"""Columns of a table that goes into a file or another program."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


class Shell(TyperGroup):
    """The command group; an error becomes one message and an exit code, never a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        try:
            return super().main(*args, **kwargs)
        except Exception as error:  # the outermost door
            if os.environ.get(DEBUG):
                raise
            text, code = told(error)
            sys.stderr.write(text + "\n")
            raise SystemExit(code) from error


def told(error: Exception) -> tuple[str, int]:
    """What the terminal says of an error, and the exit code; texts of other libraries are scrubbed.

    >>> told(SpecError("no such stage", got="x"))
    ('SpecError: no such stage: got x', 2)
    >>> told(OSError(28, "No space left on device"))
    ('ResourceError: No space left on device', 4)
    """
    from scanmill.engine.conclude import conclude

    if isinstance(error, ScanmillError):
        return f"{type(error).__name__}: {error}", EXIT_CODES.get(type(error), 1)
    if isinstance(error, PermissionError):
        return "ResourceError: a file or folder may not be written or read here; check its permissions", 4
    verdict = conclude(error)
    if verdict.error_class == "ResourceError":
        return f"ResourceError: {verdict.error}", 4
    advice = f"this should not happen: please report it, with what {DEBUG}=1 shows"
    return f"{verdict.error_class}: {verdict.error}; {advice}", 1


def print_json(value: Any) -> None:
    """One JSON document on standard output; what is not a number is null."""
    sys.stdout.write(json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; numbers stand to the right; without any column's name there is no head."""
    from rich.table import Table

    headed = any(columns)
    table = Table(show_header=headed, header_style="dim", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    lines = [[_text(cell) for cell in row] for row in rows]
    for i, column in enumerate(columns):
        numeric = headed and bool(lines) and all(_is_number(line[i]) for line in lines)
        table.add_column(_escaped(column), justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        table.add_row(*map(_escaped, line))
    if title:
        say(f"[bold]{_escaped(title)}[/bold]")
    _console().print(table)


def say(text: str, *values: object) -> None:
    """A line for people: rich markup, with each ``{}`` replaced by a value that is shown as it is."""
    _console().print(text.format(*map(_escaped, values)) if values else text, highlight=False, soft_wrap=True)


def plural(n: int, noun: str) -> str:
    """A number and its noun.

    >>> plural(1, "row"), plural(12000, "file")
    ('1 row', '12,000 files')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def plain(value: Any) -> Any:
    """Anything that we print, as JSON knows it.

    >>> plain({"psnr": float("nan"), "keys": ("a", "b")})
    {'psnr': None, 'keys': ['a', 'b']}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _console() -> Console:
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=PIPE_WIDTH if piped else None)


def _escaped(value: object) -> str:
    from rich.markup import escape

    return escape(str(value))


def _text(cell: object) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else "" if cell is None else str(cell)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "") or 0)
    except ValueError:
        return False
    return True
