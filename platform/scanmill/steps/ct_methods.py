"""One call for every method of reconstruction; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanmill.arrays import Array, to_device
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context
from scanmill.steps.ct_params import ReconstructParams

FILTERED = ("fbp", "fdk")
DEFAULT_ITERATIONS: Mapping[str, int] = {"sirt": 50, "os-sart": 10, "cgls": 20, "tv": 200}


@dataclass
class Progress:
    """Tells the engine how far it is and remembers the last residual."""

    n_iterations: int
    ctx: Context
    iteration: int = 0
    residual: float = float("nan")

    def __call__(self, status: Any) -> None:
        """One iteration has ended; None lets it go on."""
        self.iteration, self.residual = status.iteration, status.residual
        self.ctx.progress(status.iteration / self.n_iterations, f"residual {status.residual:.4f}")


def reconstruct(
    scan: Projections, grid: VolumeGeometry, params: ReconstructParams, ctx: Context, start: Array | None
) -> tuple[Array, dict[str, float]]:
    """The image on ``grid`` in 1/mm, and n_iterations and residual where the method iterates from ``start``."""
    if params.method in FILTERED:
        return _filtered(scan, grid, params), {}
    return _iterated(scan, grid, params, ctx, start)


def _filtered(scan: Projections, grid: VolumeGeometry, params: ReconstructParams) -> Array:
    """FBP, or FDK for a cone."""
    from scanmill.algorithms.reconstruction.fbp import fbp
    from scanmill.algorithms.reconstruction.fdk import fdk

    cone = scan.geometry.beam == "cone"
    if params.method == "fdk" and not cone:
        raise InputError("fdk is for cone beams", where="scan", got=scan.geometry.beam, do="take fbp")
    return (fdk if cone else fbp)(scan, grid, window=params.window, cutoff=params.cutoff).array


def _iterated(
    scan: Projections, grid: VolumeGeometry, params: ReconstructParams, ctx: Context, start: Array | None
) -> tuple[Array, dict[str, float]]:
    """SIRT, OS-SART, CGLS or TV with the matched projector; its last iteration and residual."""
    from scanmill.operators.projection import ProjectionOp

    op = ProjectionOp(grid, scan.geometry, device=ctx.device)
    progress = Progress(params.n_iterations or DEFAULT_ITERATIONS[params.method], ctx)
    x0 = None if start is None else to_device(start, ctx.device).astype(np.float32)
    common = {
        "n_iterations": progress.n_iterations,
        "x0": x0,
        "change_tolerance": params.change_tolerance,
        "callback": progress,
    }
    array = _METHODS[params.method](op, scan.array.astype(np.float32, copy=False), params, ctx, common)
    metrics = {"n_iterations": float(progress.iteration), "residual": progress.residual}
    return array, metrics


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
