"""An object wider than the detector: its sinogram is continued, so that the ramp filter meets no cliff."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.algorithms.preparation.center_of_rotation import axis_column
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError

RIM_COLUMNS = 8
"""So many columns at each rim tell value and slope."""
TRUNCATED = 0.1
"""A line integral at the rim above this (5 mm of water) means that the object goes on."""


OFF_CENTER = 0.1
"""An axis further from the detector's middle (in its width) means that the detector is displaced on purpose."""


def truncated_share(projections: Projections) -> tuple[float, float]:
    """The shares of the lines (view, row) whose line integral is above `TRUNCATED` at the first and last columns."""
    p = projections.array
    n = min(RIM_COLUMNS, p.shape[-1])
    left, right = ((rim.mean(axis=-1) > TRUNCATED).mean() for rim in (p[..., :n], p[..., -n:]))
    return float(left), float(right)


def extend_truncated(projections: Projections, *, water: float, share: float = 0.5) -> Projections:
    """Continue line integrals beyond both rims of the detector as cylinders of water would.

    J. Hsieh et al., "A novel reconstruction algorithm to extend the CT scan field-of-view", Med. Phys. 31 (2004)
    2385: a cylinder of radius R at x₀ gives p² = 4 μ² (R² − (x − x₀)²), whose curvature is known; its other two
    numbers are fitted to the `RIM_COLUMNS` at the rim. ``water`` is its attenuation in 1/mm; x is the distance from
    the axis. On each side ``share`` of the columns are added (the detector's middle stays), and the continuation
    ends in a cosine at the last quarter. Lines below `TRUNCATED` at the rim get zeros. Values inside are untouched.
    Raises InputError for other quantities, NaN, a detector too narrow or displaced, or ``share`` outside (0, 2].
    """
    scan, p = projections.geometry, projections.array
    if projections.quantity != "line_integral":
        raise InputError("line integrals are continued", got=projections.quantity, do="take the logarithm first")
    if not (0 < share <= 2 and water > 0):
        raise InputError("water and share must be positive, share at most 2", got=(water, share))
    if scan.n_columns < 2 * RIM_COLUMNS:
        raise InputError("too few columns to continue", expected=f"{2 * RIM_COLUMNS} or more", got=scan.n_columns)
    off = abs(float(axis_column(scan).mean()) - (scan.n_columns - 1) / 2) / scan.n_columns
    if off > OFF_CENTER:
        raise InputError(
            "a displaced detector is cut off on purpose",
            got=f"the axis {off:.0%} of its width off the middle", do="leave truncation out",
        )  # fmt: skip
    require_finite(p, "the sinogram")
    xp = xp_of(p)
    n = int(np.ceil(share * scan.n_columns))
    steps = xp.asarray(_spacing_at_axis(projections), dtype=p.dtype)[:, None, None]
    left = _continued(p[..., :RIM_COLUMNS][..., ::-1], steps, water, n)
    right = _continued(p[..., -RIM_COLUMNS:], steps, water, n)
    wide = xp.concatenate([left[..., ::-1], p, right], axis=-1)
    geometry = replace(scan, n_columns=scan.n_columns + 2 * n)
    photons = _widened(projections.photons, n)
    return replace(projections, array=wide, geometry=geometry, photons=photons)


def _continued(rim: Array, step: Array, water: float, n: int) -> Array:
    """``n`` columns after the last of ``rim`` (view, row, column)."""
    xp, dtype = xp_of(rim), rim.dtype
    inside = xp.arange(1 - rim.shape[-1], 1, dtype=dtype) * step
    outside = xp.arange(1, n + 1, dtype=dtype) * step
    bend = 4 * water**2
    heights = xp.maximum(rim, 0) ** 2 + bend * inside**2
    middle = inside.mean(axis=-1, keepdims=True)
    mean = heights.mean(axis=-1, keepdims=True)
    slope = ((inside - middle) * (heights - mean)).sum(axis=-1, keepdims=True)
    slope = slope / ((inside - middle) ** 2).sum(axis=-1, keepdims=True)
    at_rim = mean - slope * middle
    cut = rim.mean(axis=-1, keepdims=True) > TRUNCATED
    squared = xp.maximum(at_rim + slope * outside - bend * outside**2, 0)
    end = xp.clip((xp.arange(1, n + 1, dtype=dtype) / n - 0.75) * 4, 0, 1)
    beyond = xp.sqrt(squared) * xp.cos(0.5 * xp.pi * end) ** 2
    return xp.where(cut, beyond, 0).astype(dtype)


def _spacing_at_axis(projections: Projections) -> Array:
    """The distance of two columns where the rays pass the axis, in mm, for every view."""
    scan = projections.geometry
    if scan.beam == "parallel":
        return scan.column_spacing
    to_detector = np.linalg.norm((scan.detector - scan.source)[:, :2], axis=1)
    return scan.column_spacing * np.linalg.norm(scan.source[:, :2], axis=1) / to_detector


def _widened(photons: float | Array | None, n: int) -> float | Array | None:
    """The rim's photons stand for the added columns."""
    if photons is None or isinstance(photons, float | int) or photons.shape[-1] == 1:
        return photons
    return xp_of(photons).pad(photons, ((0, 0), (0, 0), (n, n)), mode="edge")
