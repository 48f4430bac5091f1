"""The small parts of a data card: where in a row's files the numbers are, and in which unit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scanmill.io.card_patterns import Pattern

Text = Annotated[str, Field(max_length=400)]


class CardPart(BaseModel):
    """Frozen, and a name that is not a field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Place(CardPart):
    """An array: ``at`` is its path inside ``file``; the role's own file where none is named."""

    file: Pattern | None = Field(default=None, description="another file, relative to the folder of the row's")
    at: Text = Field(default="", description="path inside the file; empty where the file holds one array")


def _as_place(value: Any) -> Any:
    return {"at": value} if isinstance(value, str) else value


def _as_number_or_place(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number or a path inside the file is wanted")
    return _as_place(value)


class ByField(CardPart):
    """A number that depends on a field of the row: the ``value`` of the first range (both ends count) that holds it."""

    by: Text = Field(description="a field that is an `int`")
    ranges: tuple[tuple[int, int, float], ...] = Field(max_length=100, description="(first, last, value)")
    otherwise: float


ArrayPlace = Annotated[Place, BeforeValidator(_as_place)]
Number = Annotated[float | Place | ByField, BeforeValidator(_as_number_or_place)]
"""A number, where in the files it stands, or what it is by a field of the row."""


class Series(CardPart):
    """``start + step * view``; without a count, one for every view."""

    start: float = 0.0
    step: float
    count: int | None = Field(default=None, ge=1, le=10_000_000)


class Angles(CardPart):
    """The angle of every view.

    Scanmill's angle is ``sign * value + offset``: it grows from x to y, at 0 the rays run along +y and the
    detector's columns grow along +x (`scanmill.geometry.ScanGeometry`).
    """

    values: Annotated[Place | Series | tuple[float, ...], BeforeValidator(_as_place)]
    unit: Literal["deg", "rad"] = "deg"
    sign: Literal[1, -1] = 1
    offset: float = Field(default=0.0, description="in `unit`, added after the sign")


def check_axes(axes: tuple[str, ...], needed: set[str], name: str) -> None:
    """Raise ValueError where an axis stands twice, or one that is needed does not."""
    plain = [axis.removeprefix("-") for axis in axes]
    if len(set(plain)) != len(plain) or not needed <= set(plain):
        raise ValueError(f"{name} names each axis once, {' and '.join(sorted(needed))} among them")
