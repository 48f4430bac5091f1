"""Rows of raw arrays, as a data card describes them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from scanmill.cohort.found_row import Found, FoundFile, FoundRow, Problem, Root, scrubbed
from scanmill.cohort.row_key import row_key

if TYPE_CHECKING:
    from scanmill.io.card import Card, CardRow


def find_card_rows(card: Card, root: Root, listed: Collection[str]) -> list[CardRow]:
    """The rows that the card sees under the root, by the names of the files alone, if one of them is listed."""
    rows = card.find_rows(root.folder)
    return [row for row in rows if any(path in listed for paths in row.files.values() for path in paths) or row.problem]


def card_row(card: Card, card_text: str, root: Root, row: CardRow, *, project: str = "") -> Found:
    """The row with what its headers say; one that cannot be described keeps its place, with its problem."""
    first = min((path for paths in row.files.values() for path in paths), default=row.row_key)
    try:
        row = card.describe(row, root.folder)
        key = row_key(project, *row.row_key.split("/"))
    except Exception as error:  # noqa: BLE001 - whatever a file does to its reader becomes a problem of that file
        return Problem.of(error, root, first)
    files = tuple(FoundFile(role, "card", path) for role, paths in row.files.items() for path in paths)
    if not files:
        return Problem(root.name, first, "InputError", row.problem or "no files")
    return FoundRow(key, root, files, dict(row.columns), card=card_text, problem=scrubbed(row.problem, root))


def load(card: str | Path | Card) -> Card:
    """A card given by name, by file, or as such."""
    from scanmill.io.card import load_card

    return load_card(card) if isinstance(card, str | Path) else card
