"""The peak of memory of the filtered methods, from the arrays that they make."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from scanmill.algorithms.filtering.ramp import BLOCK_SAMPLES
from scanmill.algorithms.reconstruction.circle import circle_of
from scanmill.algorithms.reconstruction.helical.helix import Helix, helix_of
from scanmill.algorithms.reconstruction.helical.wfbp import COLUMNS_AT_ONCE, THETAS_AT_ONCE, thetas_for
from scanmill.algorithms.reconstruction.redundancy import VIEWS_AT_ONCE
from scanmill.geometry import ScanGeometry, VolumeGeometry

FILTER_NUMBERS = 2
"""A block of lines and its spectrum: numbers for each padded sample."""
SHARE_NUMBERS, FAN_NUMBERS, SAMPLE_NUMBERS = 12, 14, 30
"""Float64 alive at once for each ray of the views whose share is computed, for each ray of the fans that are rebinned,
and for each of their samples at one θ."""


def circle_peak(
    grid: VolumeGeometry, scan: ScanGeometry, dtype: Any = np.float32, *, views_at_once: int | None = None
) -> int:
    """The peak of `fbp` and `fdk` in bytes, their data not counted. Raises `InputError` as they would."""
    from scanmill.kernels.voxel_runs import TILE

    item, cone = np.dtype(dtype).itemsize, scan.beam == "cone"
    n_views, n_rows, n_columns = scan.shape
    nz, ny, nx = grid.shape
    wide, n_near = n_columns + _missing_columns(scan), min(views_at_once or n_views, n_views)
    lines = item * n_near * n_rows * wide
    tables = 8 * n_views * (2 * n_columns + n_rows)
    share = 8 * SHARE_NUMBERS * min(VIEWS_AT_ONCE, n_views) * n_columns
    padded = item * n_near * (wide + 4) * (n_rows + 4 if cone else n_rows)
    runs = item * (-(-ny // TILE) * TILE * TILE * nz if cone else 3 * ny * nx)
    image = item * nz * ny * nx
    before = image if n_near < n_views else 0
    filtering = tables + max(share, before + 2 * lines + _block(n_near * n_rows, wide, item))
    return int(max(filtering, before + lines + padded + image + runs))


def _missing_columns(scan: ScanGeometry) -> int:
    """How many columns `filtered_projections` fills up beside a displaced detector, from its outer columns alone."""
    n = max(scan.n_columns - 1, 1)
    rim = circle_of(replace(scan, n_columns=2, column_step=n * scan.column_step))
    lopsided = float(abs(rim.t[:, 0].min() + rim.t[:, 1].max()) / rim.spacing)
    return math.ceil(lopsided * n - 1e-6)


def helix_peak(grid: VolumeGeometry, scan: ScanGeometry, dtype: Any = np.float32) -> int:
    """The peak of `wfbp` in bytes, its data not counted; only the rays that meet the grid are held.

    Raises `InputError` as `wfbp` would.
    """
    helix, item = helix_of(scan), np.dtype(dtype).itemsize
    nz, ny, nx = grid.shape
    chosen = thetas_for(helix, grid)
    n_thetas = chosen.stop - chosen.start
    held = item * len(helix.groups) * n_thetas * helix.n_t * (scan.n_rows + 4)
    columns = min(COLUMNS_AT_ONCE, ny * nx, math.ceil(np.pi * helix.field_radius**2 / np.prod(grid.spacing[:2])))
    back = item * nz * ny * nx + 40 * ny * nx + columns * nz * (7 * item + 1)
    return int(held + max(_rebinning(helix, min(THETAS_AT_ONCE, n_thetas), item), back))


def _rebinning(helix: Helix, n_thetas: int, item: int) -> int:
    """The fans that some θ need, their samples, and the parallel rays before and after the filter."""
    scan = helix.scan
    width = max(float(np.ptp(spot.ends.theta, axis=1).max()) for group in helix.groups for spot in group)
    n_fans = min(n_thetas + math.ceil(width / np.pi * helix.n_half) + 2, scan.n_views)
    samples = n_thetas * scan.n_columns * max(len(group) for group in helix.groups)
    lines = item * n_thetas * scan.n_rows * helix.n_t
    reading = 8 * (FAN_NUMBERS * n_fans * scan.n_columns + SAMPLE_NUMBERS * samples)
    return lines + max(reading, 2 * lines) + _block(n_thetas * scan.n_rows, helix.n_t, item)


def _block(n_lines: int, n_columns: int, item: int) -> int:
    """The bytes of the lines that are filtered at once."""
    n_padded = 2 * n_columns
    return FILTER_NUMBERS * item * n_padded * min(max(1, BLOCK_SAMPLES // n_padded), n_lines)
