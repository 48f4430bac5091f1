"""`ct.reconstruct`: from line integrals to an image, by any of our methods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scanmill.arrays import Array, to_device, xp_of
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.steps.contract import Context, Output, Port, Prediction, Step
from scanmill.steps.ct_grid import grid_for
from scanmill.steps.ct_methods import DEFAULT_ITERATIONS, FILTERED, reconstruct
from scanmill.steps.ct_params import Method, ReconstructParams
from scanmill.steps.ct_slabs import Slab, slabs
from scanmill.steps.expected import expect, optional, require_finite
from scanmill.steps.memory import require_memory
from scanmill.steps.sizes import SCAN, image_voxels, scan_pixels

HELD: Mapping[str, tuple[int, int]] = {
    "fbp": (1, 4), "fdk": (1, 4), "sirt": (5, 4), "os-sart": (6, 4), "cgls": (5, 4), "tv": (19, 7),
}  # fmt: skip
"""Images and sinograms in float32 that a method holds besides what its operator needs; tests measure the sum."""
RAYS_PER_SECOND: Mapping[str, float] = {"cpu": 2e8, "cuda": 2e10}
"""Ray and voxel meetings a second in one projection, for predictions only."""


def run(inputs: Mapping[str, Any], params: ReconstructParams, ctx: Context) -> Output:
    """The image in 1/mm; ``start`` is the first image of an iterative method."""
    scan = expect(inputs, "scan", Projections)
    if scan.quantity != "line_integral":
        raise InputError("line integrals are wanted", where="scan", got=scan.quantity, do="run ct.prepare before")
    scan = replace(scan, array=to_device(scan.array, ctx.device))
    require_finite(scan, "scan")
    start = optional(inputs, "start", Volume)
    grid = _grid(scan, params)
    if start is not None and not start.geometry.is_close(grid):
        raise InputError("the start lies on another grid", expected=grid.shape, got=start.geometry.shape)
    filtered = params.method in FILTERED
    parts = list(slabs(scan, grid, 1.0 if params.method == "tv" else ctx.tile, iterative=not filtered))
    peak = peak_bytes(params.method, parts[0][1], parts[0][0].geometry, ctx.device)
    require_memory(peak + 4 * math.prod(grid.shape), scan.array, "the reconstruction")
    array, metrics = _in_slabs(parts, params, ctx, None if start is None else start.array)
    return Output({"image": Volume(array, grid, "1/mm")}, metrics)


def _in_slabs(
    parts: list[Slab], params: ReconstructParams, ctx: Context, start: Array | None
) -> tuple[Array, dict[str, float]]:
    """The slabs one after another; the metrics are those of the last."""
    done: list[Array] = []
    metrics: dict[str, float] = {}
    first = 0
    for scan, grid in parts:
        begin = None if start is None else start[first : first + grid.shape[0]]
        array, metrics = reconstruct(scan, grid, params, ctx, begin)
        done.append(array)
        first += grid.shape[0]
    return done[0] if len(done) == 1 else xp_of(done[0]).concatenate(done), metrics


def peak_bytes(method: Method, grid: VolumeGeometry, scan: ScanGeometry, device: str) -> int:
    """What a method holds at its peak, predicted before anything is allocated."""
    from scanmill.operators.projection_memory import predict_bytes

    return _held(method, math.prod(grid.shape), math.prod(scan.shape)) + predict_bytes(grid, scan, device=device)


def _held(method: Method, n_voxels: int, n_pixels: int) -> int:
    images, sinograms = HELD[method]
    return 4 * (images * n_voxels + sinograms * n_pixels)


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
    held = 0 if device == "cpu" else 2 * _held(params.method, voxels, scan_pixels(columns))
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
