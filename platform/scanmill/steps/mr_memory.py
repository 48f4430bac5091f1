"""How many slices of k-space are reconstructed at once, so that it fits."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scanmill.data import CoilSensitivities, KSpace
from scanmill.steps.contract import Context
from scanmill.steps.memory import memory_of, require_memory
from scanmill.steps.mr_iterative import BY_SLICE
from scanmill.steps.mr_params import ReconstructParams

SHARE = 0.25
"""What a block may take of all memory: of all, not of what is free, so that blocks and bytes are the same again."""
HELD: Mapping[str, float] = {"spirit": 6.0, "nlinv": 8.0, "radial-3d": 24.0}
"""Coil images that a method holds at its peak; 5 for the others."""
SET_IMAGES = 24
"""Images (one for each set) that the sparse methods hold beside them."""


def slices_at_once(scan: KSpace, maps: CoilSensitivities | None, params: ReconstructParams, ctx: Context) -> int:
    """As many slices as a block may have, at least one; fewer where ``ctx.tile`` says that too much was held.

    Raises InputError where a single slice needs more than the machine has, ResourceError where only too little is free.
    """
    one = bytes_of(scan, maps, params, 1)
    total, _ = memory_of(scan.array)
    n = max(1, int(min(ctx.tile, 1.0) * SHARE * total / one))
    n = min(n, scan.n_slices)
    require_memory(one * n, scan.array, "the reconstruction")
    return n


def bytes_of(scan: KSpace, maps: CoilSensitivities | None, params: ReconstructParams, n_slices: int) -> int:
    """What a block of slices takes at its peak, beside k-space and sensitivities themselves."""
    n_items = n_slices * (scan.n_frames if params.method in BY_SLICE else 1)
    voxels = math.prod(scan.matrix)
    samples = max(voxels, math.prod(scan.array.shape[3:]))
    coil_images = HELD.get(params.method, 5.0) * scan.n_coils * samples
    if params.method == "spirit":
        coil_images += scan.n_coils**2 * voxels
    n_sets = 1 if maps is None else maps.n_sets
    return int(8 * n_items * (coil_images + SET_IMAGES * n_sets * voxels))
