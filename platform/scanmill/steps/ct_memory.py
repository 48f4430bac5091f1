"""How a reconstruction is cut so that it fits: whole, in slabs and views, or with a projector that works in parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from scanmill.arrays import to_device
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.steps.contract import Context
from scanmill.steps.ct_helix import FILTERED
from scanmill.steps.ct_params import ReconstructParams
from scanmill.steps.memory import memory_of, require_memory

SEPARABLE = ("sirt", "os-sart", "sart", "ml-tr", "mlem", "osem")
"""Iterative methods that treat the slices of parallel and fan beams one by one."""
LEAST_SHARE = 2.0**-12


@dataclass(frozen=True)
class Cut:
    """``slab_share`` of the slices at a time; the projector's budget in bytes, None for the whole; the device on which
    image and data live, which is the host where a GPU is too small for them; the peak on the working device and, where
    that is not their home, what they take there; and the views that a filtered method takes at once, None for all."""

    slab_share: float
    operator_bytes: int | None
    home: str
    peak_bytes: int
    home_bytes: int = 0
    views_at_once: int | None = None


def cut_for(
    params: ReconstructParams, grid: VolumeGeometry, scan: ScanGeometry, ctx: Context, *, incoming_bytes: int = 0
) -> Cut:
    """The largest parts that fit, starting from the share ``ctx.tile`` that the engine allows; the data count as
    ``incoming_bytes`` where they are not on the device yet.

    The image is the same however it is cut: filtered methods make slabs of it and add up chunks of views; iterative
    ones whose slices are independent make slabs; the others keep image and data whole and project in slabs and chunks
    of views. Raises InputError with the number where the smallest parts need more than the machine has, ResourceError
    where only too little is free.
    """
    tile = min(ctx.tile, 1.0)
    near = to_device(np.zeros(1, np.float32), ctx.device)
    while True:
        cut = cut_at(tile, params, grid, scan, ctx.device)
        if cut.home == ctx.device:
            cut = replace(cut, peak_bytes=cut.peak_bytes + incoming_bytes)
        if cut.peak_bytes <= memory_of(near)[1] or tile <= LEAST_SHARE:
            break
        tile /= 2
    require_memory(cut.peak_bytes, near, "the reconstruction")
    require_memory(cut.home_bytes, np.zeros(1), "the reconstruction")
    return cut


def cut_at(tile: float, params: ReconstructParams, grid: VolumeGeometry, scan: ScanGeometry, device: str) -> Cut:
    """The parts for a share of the slices or of the projector's memory, and their predicted peak."""
    from scanmill.algorithms.reconstruction.memory import held_bytes, predict_peak
    from scanmill.operators.projection_memory import predict_bytes

    n_voxels, n_pixels = math.prod(grid.shape), math.prod(scan.shape)
    if tile >= 1:
        peak = predict_peak(params.method, grid, scan, n_subsets=params.n_subsets, device=device)
        return Cut(1.0, None, device, peak)
    if params.method in FILTERED or (params.method in SEPARABLE and scan.beam != "cone"):
        return _slabs_at(tile, params, grid, scan, device)
    budget = int(tile * predict_bytes(grid, scan, device=device))
    held = held_bytes(params.method, n_voxels, n_pixels, n_subsets=params.n_subsets)
    return Cut(1.0, budget, "cpu", budget + held) if device == "cpu" else Cut(1.0, budget, "cpu", budget, held)


def _slabs_at(tile: float, params: ReconstructParams, grid: VolumeGeometry, scan: ScanGeometry, device: str) -> Cut:
    """Slabs of slices and, for filtered methods, chunks of views; on a GPU they come and go, on the host all stay."""
    from scanmill.algorithms.reconstruction.memory import predict_peak

    share, image = max(tile, 1 / grid.shape[0]), 4 * math.prod(grid.shape)
    n_near = max(1, math.ceil(tile * scan.n_views)) if params.method in FILTERED else None
    part, near = _middle_slab(grid, scan, share)
    peak = predict_peak(params.method, part, near, n_subsets=params.n_subsets, views_at_once=n_near, device=device)
    if device == "cpu":
        return Cut(share, None, "cpu", peak + image, views_at_once=n_near)
    return Cut(share, None, "cpu", peak + 4 * math.prod(near.shape[1:]) * (n_near or scan.n_views), image, n_near)


def _middle_slab(grid: VolumeGeometry, scan: ScanGeometry, share: float) -> tuple[VolumeGeometry, ScanGeometry]:
    """A slab of the grid and what it needs of the scan: of a helix, the middle meets most."""
    from scanmill.operators.split_projection import rows_of

    thickness = math.ceil(grid.shape[0] * share)
    start = (grid.shape[0] - thickness) // 2
    rows = slice(start, start + thickness)
    part = grid.crop(rows, slice(None), slice(None))
    return part, scan if scan.beam == "cone" else rows_of(scan, rows)
