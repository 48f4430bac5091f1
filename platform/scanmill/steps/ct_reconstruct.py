"""`ct.reconstruct`: from line integrals to an image, by any of our methods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scanmill.arrays import Array, device_of, to_device, to_host
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Output, Port, Prediction, Step
from scanmill.steps.ct_grid import grid_for
from scanmill.steps.ct_helix import FILTERED, half_seen_warnings, long_object, unseen_warning
from scanmill.steps.ct_iterative import DEFAULT_ITERATIONS
from scanmill.steps.ct_memory import Cut, cut_for
from scanmill.steps.ct_methods import check, reconstruct
from scanmill.steps.ct_params import ReconstructParams
from scanmill.steps.ct_slabs import Slab, slabs
from scanmill.steps.ct_unit import in_attenuation, in_unit, water_of
from scanmill.steps.expected import expect, optional, require_finite
from scanmill.steps.sizes import SCAN, image_voxels, scan_pixels

RAYS_PER_SECOND: Mapping[str, float] = {"cpu": 2e8, "cuda": 2e10}
"""Ray and voxel meetings a second in one projection, for predictions only."""


def run(inputs: Mapping[str, Any], params: ReconstructParams, ctx: Context) -> Output:
    """The image in HU or 1/mm; ``start``, in either, is the first image of an iterative method."""
    scan = expect(inputs, "scan", Projections)
    require_finite(scan, "scan")
    warnings = check(scan, params)
    start = optional(inputs, "start", Volume)
    if params.unit == "HU":
        water_of(scan)
    grid = _grid(scan, params)
    if start is not None and not start.geometry.is_close(grid):
        raise InputError("the start lies on another grid", expected=grid.shape, got=start.geometry.shape)
    first = None if start is None else in_attenuation(start, scan).array
    warnings = (*warnings, *half_seen_warnings(scan.geometry, grid, params))
    long = long_object(scan, grid, params, first)
    incoming = 0 if device_of(long.scan.array) == ctx.device else long.scan.array.nbytes
    cut = cut_for(params, long.grid, long.scan.geometry, ctx, incoming_bytes=incoming)
    scan = replace(long.scan, array=to_device(long.scan.array, cut.home))
    array, metrics = _in_slabs(list(slabs(scan, long.grid, cut.slab_share)), cut, params, ctx, long.start)
    image = in_unit(Volume(array[long.wanted], grid, "1/mm"), params.unit, scan)
    return Output({"image": image}, metrics, warnings=(*warnings, *unseen_warning(metrics)))


def _in_slabs(
    parts: list[Slab], cut: Cut, params: ReconstructParams, ctx: Context, start: Array | None
) -> tuple[Array, dict[str, float]]:
    """The slabs one after another; the metrics are those of the last, but for unseen_share, that of all."""
    metrics: dict[str, float] = {}
    n_slices = sum(grid.shape[0] for _, grid in parts)
    unseen, first, image = 0.0, 0, None
    for scan, grid in parts:
        here = slice(first, first + grid.shape[0])
        array, metrics = reconstruct(scan, grid, params, ctx, None if start is None else start[here], cut)
        unseen += metrics.get("unseen_share", 0.0) * grid.shape[0] / n_slices
        if len(parts) > 1:
            image = np.empty((n_slices, *grid.shape[1:]), array.dtype) if image is None else image
            image[here] = to_host(array)
        first = here.stop
    if "unseen_share" in metrics:
        metrics["unseen_share"] = unseen
    return array if image is None else image, metrics


def _grid(scan: Projections, params: ReconstructParams) -> VolumeGeometry:
    spacing = params.spacing
    if isinstance(spacing, float):
        spacing_xyz: tuple[float, ...] | None = (spacing, spacing)
        if scan.geometry.beam == "cone":
            spacing_xyz = (spacing, spacing, spacing)
    else:
        spacing_xyz = spacing
    return grid_for(scan.geometry, params.size, spacing_xyz)


def _predict(columns: Mapping[str, Any], params: ReconstructParams, device: str) -> Prediction:
    voxels = math.prod(params.size) if params.size else image_voxels(columns)
    if params.size and len(params.size) == 2:
        voxels *= int(columns.get("n_rows") or 1)
    meetings = int(columns.get(SCAN[0]) or 0) * voxels
    passes = 1 if params.method in FILTERED else 2 * (params.n_iterations or DEFAULT_ITERATIONS[params.method])
    seconds = 0.05 + passes * meetings / RAYS_PER_SECOND["cpu" if device == "cpu" else "cuda"]
    from scanmill.algorithms.reconstruction.memory import held_bytes

    held = (
        0
        if device == "cpu"
        else 2 * held_bytes(params.method, voxels, scan_pixels(columns), n_subsets=params.n_subsets)
    )
    return Prediction(seconds, held)  # the operator needs about as much again


STEP = Step(
    "ct.reconstruct",
    "Reconstruct an image from line integrals",
    run,
    ReconstructParams,
    reads={"scan": Port("projections"), "start": Port("volume", optional=True)},
    writes={"image": Port("volume")},
    predict=_predict,
)
