"""All rows at a glance: their pictures side by side, each under its row key."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

CELL, CAPTION, GAP, COLUMNS = 240, 16, 4, 6
INK, PAPER = (230, 230, 230), (16, 18, 22)


def write_montage(path: Path, pictures: Sequence[tuple[str, bytes]]) -> list[Path]:
    """Write (row key, PNG bytes) pairs as one PNG; nothing is written, and [] returned, where there are none."""
    if not pictures:
        return []
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (CELL + GAP) + GAP, rows * (CELL + CAPTION + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, (row_key, png) in enumerate(pictures):
        x, y = GAP + i % columns * (CELL + GAP), GAP + i // columns * (CELL + CAPTION + GAP)
        picture = ImageOps.contain(Image.open(io.BytesIO(png)).convert("RGB"), (CELL, CELL))
        sheet.paste(picture, (x + (CELL - picture.width) // 2, y + (CELL - picture.height) // 2))
        draw.text((x + 2, y + CELL + 2), row_key[: CELL // 6], fill=INK)
    sheet.save(path)
    return [path]
