"""The parts of a data card: what each role of a row is, and where in its files the numbers are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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


ProjectionAxis = Literal["view", "row", "column", "-view", "-row", "-column"]
VolumeAxis = Literal["z", "y", "x", "-z", "-y", "-x"]


def _check_axes(axes: tuple[str, ...], needed: set[str], name: str) -> None:
    plain = [axis.removeprefix("-") for axis in axes]
    if len(set(plain)) != len(plain) or not needed <= set(plain):
        raise ValueError(f"{name} names each axis once, {' and '.join(sorted(needed))} among them")


class ProjectionsRole(CardPart):
    """A raw scan. Lengths in ``length_unit``; ``axes`` in the order of the stored array, ``-`` reverses one."""

    kind: Literal["projections"] = "projections"
    file: Pattern | None = Field(default=None, description="where not the row's own file")
    optional: bool = False
    stack: bool = Field(default=False, description="many files, one page each, in natural order")
    array: ArrayPlace = Place()
    axes: tuple[ProjectionAxis, ...] = Field(default=("view", "row", "column"), min_length=2, max_length=3)
    view_range: tuple[int, int | None] = Field(
        default=(0, None), description="first view and the one after the last, as stored; negative from the end"
    )
    scale: Number = Field(default=1.0, description="what the stored values are multiplied by")
    quantity: Literal["counts", "transmission", "line_integral", "emission"] = "line_integral"
    beam: Literal["parallel", "fan", "cone"] | Annotated[str, Field(pattern=r"^\{\w+\}$")]
    length_unit: Literal["um", "mm", "cm", "m"] = "mm"
    column_spacing: Number
    row_spacing: Number | None = None
    source_to_isocenter: Number | None = None
    source_to_detector: Number | None = None
    axis_column: Number | None = Field(
        default=None, description="column of the axis of rotation, zero-based, as stored"
    )
    axis_row: Number | None = Field(default=None, description="row of z = 0, zero-based, as stored; default the middle")
    angles: Angles
    dark: Number | None = None
    flat: Number | Annotated[tuple[ArrayPlace, ...], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="several places are averaged"
    )
    photons: Number | None = Field(default=None, description="incident photons per pixel, where known")

    @model_validator(mode="after")
    def _consistent(self) -> ProjectionsRole:
        _check_axes(self.axes, {"view", "column"}, "axes")
        if self.beam in ("fan", "cone") and (self.source_to_isocenter is None or self.source_to_detector is None):
            raise ValueError(f"a {self.beam} beam needs source_to_isocenter and source_to_detector")
        if self.beam == "cone" and self.row_spacing is None:
            raise ValueError("a cone beam needs row_spacing")
        return self


class _GridRole(CardPart):
    file: Pattern | None = Field(default=None, description="where not the row's own file")
    optional: bool = False
    stack: bool = Field(default=False, description="many files, one slice each, in natural order")
    array: ArrayPlace = Place()
    axes: tuple[VolumeAxis, ...] = Field(default=("z", "y", "x"), min_length=2, max_length=3)
    length_unit: Literal["um", "mm", "cm", "m"] = "mm"
    spacing: tuple[float, float, float] | Place = Field(description="(x, y, z)")
    origin: Literal["centered"] | tuple[float, float, float] = Field(
        default="centered", description="LPS centre of voxel [0, 0, 0] once the axes are in order, or centered on 0"
    )
    direction: tuple[float, float, float, float, float, float, float, float, float] | None = Field(
        default=None, description="row by row; its columns are the directions of growing x, y and z index"
    )

    @model_validator(mode="after")
    def _consistent(self) -> _GridRole:
        _check_axes(self.axes, {"y", "x"}, "axes")
        return self


class VolumeRole(_GridRole):
    """An image (z, y, x), or (y, x)."""

    kind: Literal["volume"] = "volume"
    scale: Number = Field(default=1.0, description="what the stored values are multiplied by")
    unit: Text = ""


class LabelsRole(_GridRole):
    """A segmentation; ``threshold`` makes a mask of what lies above it."""

    kind: Literal["labels"] = "labels"
    threshold: float | None = None
    names: dict[int, Text] = Field(default_factory=dict, max_length=1000)


Role = Annotated[ProjectionsRole | VolumeRole | LabelsRole, Field(discriminator="kind")]
