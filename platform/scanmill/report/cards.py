"""The rows that the page shows with their pictures: the worst first, of every row the result before what led to it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scanmill.report.facts import telling_first, worst_first
from scanmill.report.figures import data_uri

MOST_CARDS = 24
"""Rows with pictures on the page; the others are in results.parquet."""
MOST_PICTURES = 8
MOST_PICTURE_BYTES = 2_000_000
FEW = 6
"""Numbers shown at once under the pictures; the others unfold."""
WIDE = 1.6
"""A picture that is so much wider than high gets a line of its own."""
RESULT = "image"

ReadBytes = Callable[[str], bytes]


@dataclass(frozen=True)
class Picture:
    """One PNG of a row and its size in pixels."""

    name: str
    png: bytes
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it is more a strip than a square."""
        return self.width > WIDE * self.height

    @property
    def uri(self) -> str:
        """For an ``<img>``."""
        return data_uri(self.png)


@dataclass(frozen=True)
class Card:
    """A row of the page."""

    row_key: str
    metrics: dict[str, float]
    rest: dict[str, float]
    pictures: tuple[Picture, ...]


def make_cards(table: pa.Table, read_bytes: ReadBytes) -> list[Card]:
    """A card for each of the worst done rows."""
    return _cards(worst_first(table), read_bytes)


def make_failed_cards(table: pa.Table, read_bytes: ReadBytes) -> list[Card]:
    """A card for rows that failed and left a picture."""
    failed = table.filter(pc.is_in(table["status"], pa.array(["failed", "quarantined"])))
    return [card for card in _cards(failed, read_bytes) if card.pictures]


def _cards(table: pa.Table, read_bytes: ReadBytes) -> list[Card]:
    names = telling_first(name for name in table.column_names if name.startswith("metric."))
    cards = []
    for row in table.slice(0, MOST_CARDS).to_pylist():
        known = [(name.removeprefix("metric."), row[name]) for name in names if row[name] is not None]
        cards.append(Card(row["row_key"], dict(known[:FEW]), dict(known[FEW:]), _pictures(row, read_bytes)))
    return cards


def _pictures(row: Mapping[str, Any], read_bytes: ReadBytes) -> tuple[Picture, ...]:
    saved = {name.removeprefix("output."): one for name, one in row.items() if name.startswith("output.") and one}
    small = {n: v for n, v in saved.items() if v["kind"] == "png" and v["bytes"] <= MOST_PICTURE_BYTES}
    order = picture_order(small, set(saved) - set(small))[:MOST_PICTURES]
    found = ((name, read_bytes(small[name]["uri"])) for name in order)
    return tuple(Picture(name.removesuffix(".picture"), png, *_size(png)) for name, png in found)


def picture_order(names: Mapping[str, Any], outputs: set[str]) -> list[str]:
    """Pictures of the image first, then those of other outputs, then differences, sinograms and the like.

    >>> picture_order(dict.fromkeys(["difference", "fbp_slices", "image_slices", "sinogram"]), {"image", "fbp"})
    ['image_slices', 'fbp_slices', 'difference', 'sinogram']
    """

    def rank(name: str) -> tuple[int, str]:
        if name.startswith(RESULT):
            return 0, name
        return (1 if any(_is_of(name, output) for output in outputs) else 2), name

    return sorted(names, key=rank)


def _is_of(name: str, output: str) -> bool:
    return name in {output, f"{output}_slices", f"{output}.picture"}


def _size(png: bytes) -> tuple[int, int]:
    """Width and height, from the header; a square where it is none."""
    if len(png) < 24 or png[12:16] != b"IHDR":
        return 1, 1
    width, height = struct.unpack(">II", png[16:24])
    return width, height
