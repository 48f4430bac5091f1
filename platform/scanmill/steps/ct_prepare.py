"""`ct.prepare`: from what the detector counted to line integrals around the right axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from scanmill.algorithms import preparation
from scanmill.arrays import Array, to_device, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.expected import expect, require_finite
from scanmill.steps.pictures import sinogram
from scanmill.steps.sizes import scan_pixels


class PrepareParams(Params):
    """Flat field, logarithm and axis of rotation."""

    floor: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="least transmission that is believed; half a photon where the dose is known, else 1e-4",
    )
    center: Literal["given", "find"] = Field(
        default="given", description="find: estimate the column of the axis of rotation and correct the geometry"
    )
    center_method: Literal["auto", "opposite", "double_wedge", "search"] = Field(
        default="auto",
        description="opposite views or double_wedge for parallel beams; search for the best image for any beam",
    )
    search_columns: float = Field(
        default=16.0, gt=0, le=1000, description="search: how far from the given axis to look, in columns"
    )


def run(inputs: Mapping[str, Any], params: PrepareParams, ctx: Context) -> Output:
    """Line integrals on the step's device; metrics: axis_column, floored_share."""
    scan = expect(inputs, "scan", Projections)
    scan = replace(scan, array=to_device(scan.array, ctx.device))
    prepared, n_floored = _line_integrals(scan, params)
    warnings = []
    share = n_floored / prepared.array.size
    if share > 0.01:
        warnings.append(f"{share:.1%} of the pixels lie below the photon floor: expect streaks")
    metrics = {"floored_share": share}
    if params.center == "find":
        given = float(preparation.axis_column(prepared.geometry).mean())
        column, spread = _axis(prepared, params)
        prepared = replace(prepared, geometry=preparation.with_axis_column(prepared.geometry, column))
        metrics |= {"axis_spread": spread, "axis_shift": column - given}
    metrics["axis_column"] = float(preparation.axis_column(prepared.geometry).mean())
    return Output({"scan": prepared}, metrics, {"sinogram": sinogram(prepared)}, warnings=tuple(warnings))


def _line_integrals(scan: Projections, params: PrepareParams) -> tuple[Projections, int]:
    if scan.quantity == "line_integral":
        require_finite(scan, "scan")
        return scan, 0
    ratio = scan.array if scan.quantity == "transmission" else _transmission(scan)
    known = 0.5 / scan.photons if scan.photons else preparation.PHOTON_FLOOR
    floor = min(params.floor or known, 0.5)
    integrals = preparation.line_integrals(ratio, floor=floor)
    done = replace(scan, array=integrals.array, quantity="line_integral", dark=None, flat=None)
    return done, integrals.n_floored


def _transmission(scan: Projections) -> Array:
    xp = xp_of(scan.array)
    flat = scan.flat
    if flat is None and scan.photons:
        flat = xp.full(scan.array.shape[1:], scan.photons, dtype=xp.float32)
    if flat is None:
        raise InputError("counts need a flat field", where="scan", do="name `flat` or `photons` in the data card")
    dark = xp.zeros(flat.shape, dtype=xp.float32) if scan.dark is None else scan.dark
    return preparation.transmission(scan.array, xp.asarray(dark), xp.asarray(flat))


def _axis(scan: Projections, params: PrepareParams) -> tuple[float, float]:
    """The axis column and the spread of the answers that it is the median of."""
    method = params.center_method
    if method == "auto":
        method = "opposite" if scan.geometry.beam == "parallel" else "search"
    if method != "search":
        estimate = preparation.center_of_rotation(scan, method=method)
        return estimate.column, estimate.spread
    return _searched(scan, params.search_columns), 0.0


def _searched(scan: Projections, reach: float) -> float:
    """The column with the least negative image; over a whole turn of a fan a wrong axis blurs instead of making
    negative values, so there the image of least entropy is taken."""
    from scanmill.algorithms.reconstruction.fbp import fbp
    from scanmill.algorithms.reconstruction.fdk import fdk
    from scanmill.steps.ct_grid import default_grid

    geometry = scan.geometry
    given = float(preparation.axis_column(geometry).mean())
    whole = default_grid(geometry)
    middle = whole.shape[0] // 2
    cone = geometry.beam == "cone"
    grid = whole.crop(slice(middle, middle + 1), slice(None), slice(None)) if cone else whole

    def image(column: float) -> Array:
        moved = replace(scan, geometry=preparation.with_axis_column(geometry, column))
        return (fdk if cone else fbp)(moved, grid).array

    score = preparation.histogram_entropy if geometry.beam != "parallel" else preparation.negativity
    low, high = max(0.0, given - reach), min(geometry.n_columns - 1.0, given + reach)
    return preparation.search_axis(image, low, high, score=score)


def _predict(columns: Mapping[str, Any], params: PrepareParams, device: str) -> Prediction:
    pixels = scan_pixels(columns)
    seconds = 0.02 + pixels / 2e7 + (2.0 if params.center == "find" else 0.0)
    return Prediction(seconds, 0 if device == "cpu" else 4 * 4 * pixels)


STEP = Step(
    "ct.prepare",
    "Flat and dark field, logarithm, and the axis of rotation",
    run,
    PrepareParams,
    reads={"scan": Port("projections")},
    writes={"scan": Port("projections")},
    predict=_predict,
)
