"""A query and its answers side by side, each in its plane, with the region framed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scanmill.arrays import HostArray
from scanmill.report.montage import CELL, COLUMNS, PAPER, write_montage

FRAME = (255, 180, 40)
PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, eq=False)
class Tile:
    """A plane (y, x) of an image, or None where it is away; ``box`` is (x, y, w, h) in its pixels."""

    caption: str
    plane: HostArray | None
    box: tuple[int, int, int, int] | None = None


def write_found(path: Path, lines: Sequence[Sequence[Tile]]) -> list[Path]:
    """Write the tiles of each query as one PNG, the query first; an image that is away is an empty tile.

    Each query begins a new line of the sheet.
    """
    columns = min(COLUMNS, max(map(len, lines), default=1))
    pictures = []
    for tiles in lines:
        pictures += [(tile.caption, _png(tile)) for tile in tiles]
        pictures += [("", _png(Tile("", None)))] * (-len(tiles) % columns)
    return write_montage(path, pictures, columns)


def _png(tile: Tile) -> bytes:
    if tile.plane is None:
        picture = Image.new("RGB", (CELL, CELL), PAPER)
    else:
        low, high = np.percentile(tile.plane, PERCENTILES)
        share = np.clip((tile.plane.astype(np.float64) - low) / ((high - low) or 1.0), 0, 1)
        scale = max(1, round(CELL / max(tile.plane.shape)))
        grey = Image.fromarray(np.rint(share * 255).astype(np.uint8))
        picture = grey.resize((grey.width * scale, grey.height * scale), Image.Resampling.NEAREST).convert("RGB")
        if tile.box is not None:
            x, y, w, h = (scale * n for n in tile.box)
            width = max(1, max(picture.size) // CELL)
            ImageDraw.Draw(picture).rectangle((x - 1, y - 1, x + w, y + h), outline=FRAME, width=width)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
