"""What each role of a row is: projections, an image, labels, or k-space."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scanmill.io.card_kspace_role import KSpaceRole
from scanmill.io.card_parts import Angles, ArrayPlace, CardPart, Number, Place, Text, check_axes
from scanmill.io.card_patterns import Pattern

ProjectionAxis = Literal["view", "row", "column", "-view", "-row", "-column"]
VolumeAxis = Literal["z", "y", "x", "-z", "-y", "-x"]


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
        check_axes(self.axes, {"view", "column"}, "axes")
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
    spacing: tuple[float, float, float] | Literal["unknown"] | Place = Field(
        description="(x, y, z); where it is unknown voxels of 1 mm are assumed, with a warning"
    )
    origin: Literal["centered"] | tuple[float, float, float] = Field(
        default="centered", description="LPS centre of voxel [0, 0, 0] once the axes are in order, or centered on 0"
    )
    direction: tuple[float, float, float, float, float, float, float, float, float] | None = Field(
        default=None, description="row by row; its columns are the directions of growing x, y and z index"
    )

    @model_validator(mode="after")
    def _consistent(self) -> _GridRole:
        check_axes(self.axes, {"y", "x"}, "axes")
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


Role = Annotated[ProjectionsRole | VolumeRole | LabelsRole | KSpaceRole, Field(discriminator="kind")]
