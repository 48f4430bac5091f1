"""The role of k-space in a data card: axes, mask, trajectory and its unit, and the image that it encodes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scanmill.io.card_parts import ArrayPlace, CardPart, Number, Place, check_axes
from scanmill.io.card_patterns import Pattern
from scanmill.io.trajectory_units import Unit

KSpaceAxis = Literal[
    "frame", "slice", "coil", "z", "y", "x", "shot", "sample", "part",
    "-frame", "-slice", "-coil", "-z", "-y", "-x", "-shot", "-sample",
]  # fmt: skip
MaskAxis = Literal["frame", "slice", "z", "y", "x", "-frame", "-slice", "-z", "-y", "-x"]
PointAxis = Literal["frame", "slice", "shot", "sample", "coordinate"]
Size = Annotated[int, Field(ge=1, le=65_536)]
Sizes = tuple[Size, Size, Size]


class Spokes(CardPart):
    """Spokes at ``start + step * shot`` degrees, from x to y; the samples are evenly spaced over ``matrix`` cycles."""

    start: float = 0.0
    step: float
    is_symmetric: bool = Field(default=False, description="the centre lies between two samples, else on n // 2")


class CardTrajectory(CardPart):
    """Where the samples lie: the stored ``points``, or ``spokes``; delays are applied last, in the axes (x, y[, z])."""

    points: ArrayPlace | None = None
    axes: tuple[PointAxis, ...] = Field(default=("shot", "sample", "coordinate"), min_length=1, max_length=5)
    coordinates: tuple[Literal["x", "y", "z"], ...] = Field(
        default=("x", "y", "z"), min_length=2, max_length=3, description="in the order of the file"
    )
    unit: Unit = "cycles_per_fov"
    sign: Literal[1, -1] = Field(default=1, description="-1 where samples are sums of x(r) exp(+2 pi i k r)")
    spokes: Spokes | None = None
    delays: Annotated[tuple[float, ...], Field(min_length=2, max_length=3)] | None = Field(
        default=None, description="gradient delays in samples: (x, y) or (x, y, xy); of 3D (x, y, z)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> CardTrajectory:
        if (self.points is None) == (self.spokes is None):
            raise ValueError("a trajectory has either `points` or `spokes`")
        if len(set(self.coordinates)) != len(self.coordinates) or not {"x", "y"} <= set(self.coordinates):
            raise ValueError("coordinates name x and y, and perhaps z, once each")
        check_axes(self.axes, {"sample"}, "axes of the trajectory")
        return self


class CardMask(CardPart):
    """Which points of the grid were measured; what is not 0 counts."""

    array: ArrayPlace
    axes: tuple[MaskAxis, ...] = Field(default=("y", "x"), min_length=1, max_length=5)

    @model_validator(mode="after")
    def _consistent(self) -> CardMask:
        check_axes(self.axes, set(), "axes of the mask")
        return self


class CardNoise(CardPart):
    """Samples without signal, at the scale of the array."""

    array: ArrayPlace
    axes: tuple[Literal["coil", "sample", "part"], ...] = Field(default=("coil", "sample"), min_length=2, max_length=3)


class KSpaceRole(CardPart):
    """Raw MR data. ``axes`` in the order of the stored array, ``-`` reverses one; ``part`` is real and imaginary."""

    kind: Literal["kspace"] = "kspace"
    file: Pattern | None = Field(default=None, description="where not the row's own file")
    optional: bool = False
    stack: bool = Field(default=False, description="many files, one slice (or frame) each, in natural order")
    array: ArrayPlace = Place()
    axes: tuple[KSpaceAxis, ...] = Field(min_length=2, max_length=7)
    scale: Number = Field(default=1.0, description="what the stored values are multiplied by")
    matrix: Sizes | None = Field(default=None, description="(x, y, z) of the encoded image; default the array's sizes")
    center: tuple[int, int, int] | None = Field(
        default=None, description="(x, y, z) of the zero frequency as stored, zero-based; default n // 2"
    )
    recon: Sizes | None = Field(default=None, description="(x, y, z) of the part to give out, around the middle")
    oversampled: Literal["x", "y", "z"] | None = Field(
        default=None, description="the readout, of which only `recon` is kept"
    )
    mask: CardMask | None = None
    trajectory: CardTrajectory | None = None
    noise: CardNoise | None = None
    length_unit: Literal["um", "mm", "cm", "m"] = "mm"
    spacing: tuple[float, float, float] | Place = Field(description="(x, y, z) of the encoded image")
    origin: Literal["centered"] | tuple[float, float, float] = Field(
        default="centered", description="LPS centre of voxel [0, 0, 0], or centered on 0"
    )
    direction: tuple[float, float, float, float, float, float, float, float, float] | None = Field(
        default=None, description="row by row; its columns are the directions of growing x, y and z index"
    )

    @model_validator(mode="after")
    def _consistent(self) -> KSpaceRole:
        plain = {axis.removeprefix("-") for axis in self.axes}
        check_axes(self.axes, {"sample"} if self.trajectory else {"x", "y"}, "axes")
        if plain & ({"x", "y", "z"} if self.trajectory else {"shot", "sample"}):
            raise ValueError("axes are x, y, z, or with a trajectory shot and sample")
        if self.trajectory and (self.matrix is None or self.mask or self.center or self.oversampled):
            raise ValueError("a trajectory needs `matrix`, and no mask, center or oversampled")
        if self.oversampled and self.recon is None:
            raise ValueError("oversampled needs `recon`")
        return self
