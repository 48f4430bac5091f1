"""`ct.prepare`: from what the detector counted to corrected line integrals around the right axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scanmill.algorithms import preparation
from scanmill.arrays import Array, to_device
from scanmill.data import Projections
from scanmill.steps.contract import Context, Output, Port, Prediction, Step
from scanmill.steps.ct_corrections import corrected
from scanmill.steps.ct_of_views import Notes
from scanmill.steps.ct_prepare_memory import held_bytes, home_for
from scanmill.steps.ct_prepare_params import PrepareParams
from scanmill.steps.expected import expect
from scanmill.steps.pictures import sinogram
from scanmill.steps.sizes import scan_pixels


def run(inputs: Mapping[str, Any], params: PrepareParams, ctx: Context) -> Output:
    """Line integrals (or transmissions) on the step's device, or on the host where that is too small.

    Metrics: floored_share, axis_column, and what each correction found: bad_pixels, scatter_share, smoothed_share,
    zero_share, truncated_share.
    """
    scan = expect(inputs, "scan", Projections)
    scan = replace(scan, array=to_device(scan.array, home_for(scan.array.size, params, ctx.device)))
    notes = Notes({"floored_share": 0.0})
    prepared = corrected(scan, params, notes)
    metrics = notes.metrics
    if params.center == "find":
        given = float(preparation.axis_column(prepared.geometry).mean())
        column, spread = _axis(prepared, params)
        prepared = replace(prepared, geometry=preparation.with_axis_column(prepared.geometry, column))
        metrics |= {"axis_spread": spread, "axis_shift": column - given}
    metrics["axis_column"] = float(preparation.axis_column(prepared.geometry).mean())
    return Output({"scan": prepared}, metrics, {"sinogram": sinogram(prepared)}, warnings=tuple(notes.warnings))


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
    pixels = scan_pixels(columns) * (1 + 2 * (params.truncation or 0))
    asked = [params.bad_pixels, params.scatter, params.starvation, params.beam_hardening, params.rings]
    n_corrections = sum(bool(one) for one in asked)
    held = 0 if device == "cpu" else 4 * scan_pixels(columns) + held_bytes(scan_pixels(columns), params)
    seconds = 0.02 + pixels * (1 + 10 * n_corrections) / 2e7 + (2.0 if params.center == "find" else 0.0)
    return Prediction(seconds, held)


STEP = Step(
    "ct.prepare",
    "Flat and dark field, corrections, logarithm, and the axis of rotation",
    run,
    PrepareParams,
    reads={"scan": Port("projections")},
    writes={"scan": Port("projections")},
    predict=_predict,
)
