"""`ct.reconstruct`: from line integrals to an image, by any of our methods."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from scanmill.arrays import Array, to_device
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Output, Params, Port, Prediction, Step
from scanmill.steps.ct_grid import grid_for
from scanmill.steps.expected import expect, optional, require_finite
from scanmill.steps.memory import require_memory
from scanmill.steps.sizes import SCAN, image_voxels, scan_pixels

Method = Literal["fbp", "fdk", "sirt", "os-sart", "cgls", "tv"]
Length = Annotated[int, Field(ge=1, le=65536)]
Spacing = Annotated[float, Field(gt=0, le=1e4)]

DEFAULT_ITERATIONS: Mapping[str, int] = {"sirt": 50, "os-sart": 10, "cgls": 20, "tv": 200}
PEAK: Mapping[str, tuple[int, int]] = {
    "fbp": (2, 5), "fdk": (2, 5), "sirt": (6, 5), "os-sart": (7, 5), "cgls": (6, 5), "tv": (20, 8),
}  # fmt: skip
"""Images and sinograms in float32 that a method holds at its peak, a margin included (tests measure it)."""
RAYS_PER_SECOND: Mapping[str, float] = {"cpu": 2e8, "cuda": 2e10}
"""Ray and voxel meetings a second in one projection, for predictions only."""


class ReconstructParams(Params):
    """Method, grid and what the iterations need."""

    method: Method = Field(default="fbp", description="fbp takes Feldkamp's form (fdk) for a cone beam")
    size: tuple[Length, Length] | tuple[Length, Length, Length] | None = Field(
        default=None, description="voxels (y, x) or (z, y, x); by default what the detector sees"
    )
    spacing: Spacing | tuple[Spacing, Spacing, Spacing] | None = Field(
        default=None, description="mm, one number or (x, y, z); by default a detector column at the axis"
    )
    window: Literal["ram-lak", "shepp-logan", "cosine", "hamming", "hann"] = Field(
        default="ram-lak", description="fbp, fdk: the window on the ramp filter"
    )
    cutoff: float = Field(default=1.0, gt=0, le=1, description="fbp, fdk: as a fraction of the Nyquist frequency")
    n_iterations: int | None = Field(
        default=None, ge=1, le=100_000, description="by default 50 (sirt), 10 (os-sart), 20 (cgls), 200 (tv)"
    )
    n_subsets: int = Field(default=10, ge=1, le=10_000, description="os-sart: never more than there are views")
    relaxation: float = Field(default=1.0, gt=0, lt=2, description="sirt, os-sart")
    weight: float = Field(default=0.01, ge=0, le=1e6, description="tv: weight of the total variation")
    damping: float = Field(default=0.0, ge=0, le=1e6, description="cgls: pulls the image to zero")
    non_negative: bool = Field(default=True, description="iterative methods: no voxel below zero (cgls: at the end)")
    change_tolerance: float = Field(
        default=0.0, ge=0, lt=1, description="stop once an iteration changes the image by less than this part"
    )


@dataclass
class _Progress:
    """Tells the engine how far it is and remembers the last residual."""

    n_iterations: int
    ctx: Context
    iteration: int = 0
    residual: float = float("nan")

    def __call__(self, status: Any) -> None:
        self.iteration, self.residual = status.iteration, status.residual
        self.ctx.progress(status.iteration / self.n_iterations, f"residual {status.residual:.4f}")


def run(inputs: Mapping[str, Any], params: ReconstructParams, ctx: Context) -> Output:
    """The image in 1/mm; ``start`` is the first image of an iterative method."""
    scan = expect(inputs, "scan", Projections)
    if scan.quantity != "line_integral":
        raise InputError("line integrals are wanted", where="scan", got=scan.quantity, do="run ct.prepare before")
    scan = replace(scan, array=to_device(scan.array, ctx.device))
    require_finite(scan, "scan")
    grid = _grid(scan, params)
    require_memory(peak_bytes(params.method, math.prod(grid.shape), scan.array.size), scan.array, "the reconstruction")
    metrics: dict[str, float] = {}
    if params.method in ("fbp", "fdk"):
        image = _filtered(scan, grid, params)
    else:
        image, metrics = _iterated(scan, grid, params, ctx, optional(inputs, "start", Volume))
    return Output({"image": image}, metrics)


def peak_bytes(method: Method, n_voxels: int, n_pixels: int) -> int:
    """What a method holds at its peak, predicted."""
    images, sinograms = PEAK[method]
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


def _filtered(scan: Projections, grid: VolumeGeometry, params: ReconstructParams) -> Volume:
    from scanmill.algorithms.reconstruction.fbp import fbp
    from scanmill.algorithms.reconstruction.fdk import fdk

    cone = scan.geometry.beam == "cone"
    if params.method == "fdk" and not cone:
        raise InputError("fdk is for cone beams", where="scan", got=scan.geometry.beam, do="take fbp")
    return (fdk if cone else fbp)(scan, grid, window=params.window, cutoff=params.cutoff)


def _iterated(
    scan: Projections, grid: VolumeGeometry, params: ReconstructParams, ctx: Context, start: Volume | None
) -> tuple[Volume, dict[str, float]]:
    from scanmill.operators.projection import ProjectionOp

    if start is not None and not start.geometry.is_close(grid):
        raise InputError("the start lies on another grid", expected=grid.shape, got=start.geometry.shape)
    op = ProjectionOp(grid, scan.geometry, device=ctx.device)
    progress = _Progress(params.n_iterations or DEFAULT_ITERATIONS[params.method], ctx)
    x0 = None if start is None else to_device(start.array, ctx.device).astype(np.float32)
    common = {
        "n_iterations": progress.n_iterations,
        "x0": x0,
        "change_tolerance": params.change_tolerance,
        "callback": progress,
    }
    array = _METHODS[params.method](op, scan.array.astype(np.float32, copy=False), params, ctx, common)
    metrics = {"n_iterations": float(progress.iteration), "residual": progress.residual}
    return Volume(array, grid, "1/mm"), metrics


def _bounds(params: ReconstructParams) -> tuple[float | None, float | None]:
    return (0.0, None) if params.non_negative else (None, None)


def _sirt(op: Any, y: Array, params: ReconstructParams, ctx: Context, common: dict[str, Any]) -> Array:
    from scanmill.algorithms.reconstruction.sirt import sirt

    return sirt(op, y, relaxation=params.relaxation, bounds=_bounds(params), **common)


def _os_sart(op: Any, y: Array, params: ReconstructParams, ctx: Context, common: dict[str, Any]) -> Array:
    from scanmill.algorithms.reconstruction.os_sart import os_sart

    n_subsets = min(params.n_subsets, len(y))
    return os_sart(
        op, y, n_subsets=n_subsets, relaxation=params.relaxation, seed=ctx.seed, bounds=_bounds(params), **common
    )


def _cgls(op: Any, y: Array, params: ReconstructParams, ctx: Context, common: dict[str, Any]) -> Array:
    from scanmill.algorithms.reconstruction.cgls import cgls

    image = cgls(op, y, damping=params.damping, **common)
    return image.clip(0) if params.non_negative else image


def _tv(op: Any, y: Array, params: ReconstructParams, ctx: Context, common: dict[str, Any]) -> Array:
    from scanmill.algorithms.reconstruction.pdhg_tv import pdhg_tv

    return pdhg_tv(op, y, weight=params.weight, bounds=_bounds(params), **common)


_METHODS: Mapping[str, Callable[[Any, Array, ReconstructParams, Context, dict[str, Any]], Array]] = {
    "sirt": _sirt,
    "os-sart": _os_sart,
    "cgls": _cgls,
    "tv": _tv,
}


def _predict(columns: Mapping[str, Any], params: ReconstructParams, device: str) -> Prediction:
    voxels = math.prod(params.size) if params.size else image_voxels(columns)
    if params.size and len(params.size) == 2:
        voxels *= int(columns.get("n_rows") or 1)
    meetings = int(columns.get(SCAN[0]) or 0) * voxels
    passes = 1 if params.method in ("fbp", "fdk") else 2 * (params.n_iterations or DEFAULT_ITERATIONS[params.method])
    seconds = 0.05 + passes * meetings / RAYS_PER_SECOND["cpu" if device == "cpu" else "cuda"]
    held = 0 if device == "cpu" else peak_bytes(params.method, voxels, scan_pixels(columns))
    return Prediction(seconds, held)


STEP = Step(
    "ct.reconstruct",
    "Reconstruct an image from line integrals",
    run,
    ReconstructParams,
    reads={"scan": Port("projections"), "start": Port("volume", optional=True)},
    writes={"image": Port("volume")},
    predict=_predict,
)
