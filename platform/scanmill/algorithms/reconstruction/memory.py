"""The peak of memory of every method of reconstruction, from the geometry alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from scanmill.algorithms.reconstruction.filtered_memory import circle_peak, helix_peak
from scanmill.errors import SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection_memory import predict_bytes

HELD: Mapping[str, tuple[float, float]] = {
    "fbp": (1.1, 2.1), "fdk": (1.1, 2.1), "wfbp": (2.0, 1.2),
    "sirt": (3.8, 2.4), "os-sart": (3.0, 0.8), "sart": (3.8, 0.8), "cgls": (3.8, 1.7), "lsqr": (2.8, 1.7),
    "tv": (18.0, 5.2), "asd-pocs": (8.5, 1.6), "wavelet": (9.8, 4.2), "pwls": (7.5, 0.7), "ml-tr": (3.8, 1.7),
    "mlem": (2.8, 2.5), "osem": (3.0, 0.0),
}  # fmt: skip
"""Images and sinograms that a method holds besides what its operator needs and besides its data: fitted to measured
peaks of many shapes; where image and sinogram are alike the two do not peak together, hence the fractions. Those of
the filtered methods are rough: `predict_peak` counts their arrays."""
PER_SUBSET = ("os-sart", "osem")
"""Methods that keep one image of weights for every subset."""
FILTERED = ("fbp", "fdk", "wfbp")


def held_bytes(method: str, n_voxels: int, n_pixels: int, *, n_subsets: int = 10, dtype: Any = np.float32) -> int:
    """What a method holds besides its operator's peak, in bytes; its data are not counted.

    >>> held_bytes("cgls", 1000, 0)
    15200
    """
    if method not in HELD:
        raise SpecError("the memory of this method is not known", expected=", ".join(HELD), got=method)
    images, sinograms = HELD[method]
    images += n_subsets if method in PER_SUBSET else 0
    return int(np.dtype(dtype).itemsize * (images * n_voxels + sinograms * n_pixels))


def predict_peak(
    method: str,
    grid: VolumeGeometry,
    scan: ScanGeometry,
    *,
    n_subsets: int = 10,
    views_at_once: int | None = None,
    dtype: Any = np.float32,
    device: str = "cpu",
) -> int:
    """The peak of a method in bytes, its data not counted, within a fifth; nothing large is allocated to know it.

    ``views_at_once`` is that of `fbp` and `fdk`.

    Raises `InputError` as `ProjectionOp` (or `wfbp`) would.

    >>> scan = ScanGeometry.parallel(np.arange(720.0), n_columns=736, column_spacing=1.0)
    >>> predict_peak("sirt", VolumeGeometry.centered((1, 512, 512)), scan) // 2**20
    20
    """
    if method == "wfbp":
        return helix_peak(grid, scan, dtype)
    if method in FILTERED:
        return circle_peak(grid, scan, dtype, views_at_once=views_at_once)
    held = held_bytes(method, math.prod(grid.shape), math.prod(scan.shape), n_subsets=n_subsets, dtype=dtype)
    return held + predict_bytes(grid, scan, dtype=dtype, device=device)
