"""All rows at a glance: their pictures side by side, each under its row key."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

CELL, CAPTION, GAP, COLUMNS = 240, 20, 6, 6
INK, PAPER = (230, 230, 230), (16, 18, 22)


def write_montage(path: Path, pictures: Sequence[tuple[str, bytes]], columns: int = COLUMNS) -> list[Path]:
    """Write (row key, PNG bytes) pairs as one PNG, so many ``columns`` wide at most; nothing is written, and []
    returned, where there are none."""
    if not pictures:
        return []
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (CELL + GAP) + GAP, rows * (CELL + CAPTION + GAP) + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for i, (row_key, png) in enumerate(pictures):
        x, y = GAP + i % columns * (CELL + GAP), GAP + i // columns * (CELL + CAPTION + GAP)
        picture = ImageOps.contain(Image.open(io.BytesIO(png)).convert("RGB"), (CELL, CELL))
        sheet.paste(picture, (x + (CELL - picture.width) // 2, y + (CELL - picture.height) // 2))
        draw.text((x + 2, y + CELL + 2), shortened(row_key, lambda text: draw.textlength(text, font)), INK, font)
    sheet.save(path)
    return [path]


def shortened(text: str, length: Callable[[str], float], width: float = CELL - 4) -> str:
    """The text, or its beginning and end where it is too long: row keys often differ at their ends.

    >>> shortened("project/ward-7/scan-0123456789", len, 17)
    'project/…23456789'
    """
    if length(text) <= width:
        return text
    kept = len(text) - 1
    while kept > 2 and length(_middle_left_out(text, kept)) > width:
        kept -= 1
    return _middle_left_out(text, kept)


def _middle_left_out(text: str, kept: int) -> str:
    return f"{text[: kept // 2]}…{text[len(text) - (kept + 1) // 2 :]}"
