"""One call for every method of reconstruction; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scanmill.arrays import Array, device_of, to_device
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context
from scanmill.steps.ct_counts import blank_counts
from scanmill.steps.ct_helix import FILTERED, reconstruct_helix, refuse_circle_methods, views_of_a_turn
from scanmill.steps.ct_iterative import DEFAULT_ITERATIONS, METHODS, Problem
from scanmill.steps.ct_memory import Cut
from scanmill.steps.ct_params import ReconstructParams

QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "ml-tr": ("counts", "transmission"), "mlem": ("emission",), "osem": ("emission",),
}  # fmt: skip
"""What a method takes where it is not line integrals."""
VIEWS_PER_COLUMN: Mapping[str, float] = {
    "fbp": 0.5, "fdk": 0.5, "wfbp": 0.5, "tv": 0.04, "asd-pocs": 0.04, "wavelet": 0.04, "pwls": 0.08,
}  # fmt: skip
"""With fewer views than this for each detector column a method's image has streaks; 0.12 where it is not named."""


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


def check(scan: Projections, params: ReconstructParams) -> tuple[str, ...]:
    """Refuse, with InputError, a scan that the method cannot take; what is doubtful comes back as warnings."""
    wanted = QUANTITIES.get(params.method, ("line_integral",))
    if scan.quantity not in wanted:
        do = "run ct.prepare before" if wanted == ("line_integral",) else "choose another method"
        what = "line integrals are wanted" if wanted == ("line_integral",) else "the method takes another quantity"
        raise InputError(what, where="scan", expected=" or ".join(wanted), got=scan.quantity, do=do)
    refuse_circle_methods(scan.geometry, params)
    return (*_few_views(scan, params), *_few_photons(scan, params))


def _few_views(scan: Projections, params: ReconstructParams) -> list[str]:
    n_views, n_columns, of = views_of_a_turn(scan.geometry), scan.geometry.n_columns, ""
    if n_views < scan.geometry.n_views:
        of = " a turn"
    if n_views >= VIEWS_PER_COLUMN.get(params.method, 0.12) * n_columns:
        return []
    return [f"too few views for {params.method}: {n_views}{of} for {n_columns} columns, expect streaks"]


def _few_photons(scan: Projections, params: ReconstructParams) -> list[str]:
    """What the statistical methods need to know of the photons, looked at before any work starts."""
    from scanmill.algorithms.reconstruction.photon_weights import photon_weights, starved_share

    if params.method == "ml-tr":
        blank_counts(scan)
        unknown = scan.quantity == "transmission" and scan.photons is None
        return ["photon statistics are missing: every pixel counts as if the same number was sent"] if unknown else []
    if params.method != "pwls":
        return []
    share = starved_share(photon_weights(scan))
    return [f"{share:.1%} of the pixels expect less than one photon"] if share > 0.01 else []


def reconstruct(
    scan: Projections,
    grid: VolumeGeometry,
    params: ReconstructParams,
    ctx: Context,
    start: Array | None,
    cut: Cut,
) -> tuple[Array, dict[str, float]]:
    """The image on ``grid`` in 1/mm, and n_iterations and residual where the method iterates from ``start``.

    Where ``cut`` says so, filtered methods take some views at a time and projectors work in parts.
    """
    if params.method == "wfbp":
        return reconstruct_helix(scan, grid, params, ctx.device)
    if params.method in FILTERED:
        return _filtered(scan, grid, params, cut.views_at_once, ctx.device), {}
    if cut.operator_bytes is None:
        scan = replace(scan, array=to_device(scan.array, ctx.device))
    return _iterated(scan, _projector(scan, grid, ctx, cut.operator_bytes), params, ctx, start)


def _projector(scan: Projections, grid: VolumeGeometry, ctx: Context, operator_bytes: int | None) -> Any:
    from scanmill.operators.projection import ProjectionOp
    from scanmill.operators.split_projection import SplitProjectionOp

    if operator_bytes is None:
        return ProjectionOp(grid, scan.geometry, device=ctx.device)
    return SplitProjectionOp(grid, scan.geometry, budget_bytes=operator_bytes, device=ctx.device)


def _filtered(
    scan: Projections, grid: VolumeGeometry, params: ReconstructParams, views_at_once: int | None, device: str
) -> Array:
    """FBP, or FDK for a cone."""
    from scanmill.algorithms.reconstruction.fbp import fbp
    from scanmill.algorithms.reconstruction.fdk import fdk

    cone = scan.geometry.beam == "cone"
    if params.method == "fdk" and not cone:
        raise InputError("fdk is for cone beams", where="scan", got=scan.geometry.beam, do="take fbp")
    image = (fdk if cone else fbp)(
        scan, grid, window=params.window, cutoff=params.cutoff, views_at_once=views_at_once, device=device
    )
    return image.array


def _iterated(
    scan: Projections, op: Any, params: ReconstructParams, ctx: Context, start: Array | None
) -> tuple[Array, dict[str, float]]:
    """An iterative method with the matched projector; its last iteration and residual."""
    progress = Progress(params.n_iterations or DEFAULT_ITERATIONS[params.method], ctx)
    common = {
        "n_iterations": progress.n_iterations,
        "x0": None if start is None else to_device(start, device_of(scan.array)).astype(np.float32),
        "residual_tolerance": params.residual_tolerance,
        "change_tolerance": params.change_tolerance,
        "callback": progress,
    }
    y = scan.array.astype(np.float32, copy=False)
    array = METHODS[params.method](Problem(op, y, scan, params, ctx, common))
    return array, {"n_iterations": float(progress.iteration), "residual": progress.residual}
