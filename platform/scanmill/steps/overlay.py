"""`overlay`: two images of one grid as one in colours, to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from scanmill.arrays import Array
from scanmill.data import ColourVolume, Volume
from scanmill.errors import InputError
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect, require_finite
from scanmill.steps.pictures import colour_slices, window_of
from scanmill.steps.sizes import image_voxels

Window = tuple[float, float]


class OverlayParams(Params):
    """How the two are shown."""

    kind: Literal["overlay", "checkerboard", "red-green"] = Field(
        default="overlay",
        description="overlay: moving in colours over fixed in grey; checkerboard: in turns; red-green: a channel each",
    )
    colours: Literal["hot", "grey", "red", "green", "blue"] = Field(default="hot", description="overlay: of moving")
    alpha: float = Field(default=0.5, ge=0, le=1, description="overlay: how much moving covers where it is brightest")
    field: int = Field(default=32, ge=1, le=10_000, description="checkerboard: pixels along a field")
    fixed_window: Window | None = Field(
        default=None, description="black and white of fixed; its 0.5 and 99.5 percentiles where not given"
    )
    moving_window: Window | None = Field(default=None, description="the same of moving")


def run(inputs: Mapping[str, Any], params: OverlayParams, ctx: Context) -> Output:
    """``colour``: red, green and blue on the grid of both; its middle slices are the picture."""
    fixed, moving = (expect(inputs, name, Volume) for name in ("fixed", "moving"))
    for image, name in ((fixed, "fixed"), (moving, "moving")):
        require_finite(image, name)
    if not moving.geometry.is_close(fixed.geometry, tolerance_mm=min(fixed.geometry.spacing) / 100):
        raise InputError("it lies on another grid", where="moving", expected=(fixed.geometry.shape,),
                         got=(moving.geometry.shape,), do="put it through register.apply first")  # fmt: skip
    colour = ColourVolume(_coloured(fixed.array, moving.array, params), fixed.geometry)
    return Output({"colour": colour}, pictures={params.kind.replace("-", "_"): colour_slices(colour)})


def _coloured(fixed: Array, moving: Array, params: OverlayParams) -> Array:
    from scanmill.algorithms import rendering

    first, second = params.fixed_window or window_of(fixed), params.moving_window or window_of(moving)
    if params.kind == "overlay":
        return rendering.overlay(
            fixed, moving, alpha=params.alpha, colours=params.colours, base_window=first, top_window=second
        )
    if params.kind == "checkerboard":
        return rendering.checkerboard(fixed, moving, field=params.field, first_window=first, second_window=second)
    return rendering.red_green(fixed, moving, first_window=first, second_window=second)


def _predict(columns: Mapping[str, Any], params: OverlayParams, device: str) -> Prediction:
    voxels = image_voxels(columns)
    return Prediction(0.02 + voxels / 1e7, 0 if device == "cpu" else 60 * voxels)


STEP = Step(
    "overlay",
    "Lay one image over another in colours, or both in a checkerboard",
    run,
    OverlayParams,
    reads={"fixed": Port("volume"), "moving": Port("volume")},
    writes={"colour": Port("colour")},
    predict=_predict,
)
