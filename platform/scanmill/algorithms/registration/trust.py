"""The verdict over a registration: what a linear one can be judged by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.algorithms.registration.quality import Quality
from scanmill.arrays import HostArray
from scanmill.data.transforms import Transform
from scanmill.geometry import VolumeGeometry

LEAST_OVERLAP = 0.25
"""Of the fixed image's voxels in the moving one."""
LEAST_SIMILARITY = {"ncc": 0.2, "mi": 0.02, "nmi": 1.005}
"""Below it the images know next to nothing of each other."""
CHANCE = {"mi": 480.0, "nmi": 80.0}
"""What a histogram of 32 x 32 bins makes of n samples without any relation, times n: 31^2 / 2 nats (Miller, 1955)."""
LARGEST_SCALE = 2.0
"""A body does not grow or shrink more along any direction."""
ALLOWED_APART = 1.0
"""The way there and back may miss by this many voxels."""


def judged(
    quality: Quality, *, step_mm: float, last_step_mm: float, affine: HostArray | None = None, n_samples: int = 10**9
) -> Quality:
    """The quality with its verdict: every reason to distrust it, or none.

    ``last_step_mm`` is the length of the climb's last step, ``step_mm`` the edge of a voxel.
    """
    least = LEAST_SIMILARITY.get(quality.metric, -np.inf) + CHANCE.get(quality.metric, 0.0) / max(n_samples, 1)
    reasons = [reason for reason in _doubts(quality, least, step_mm, last_step_mm, affine) if reason]
    return replace(quality, converged=not reasons, reason="; ".join(reasons))


def _doubts(quality: Quality, least: float, step_mm: float, last_step_mm: float, affine: HostArray | None) -> list[str]:
    sizes = np.ones(3) if affine is None else np.linalg.svd(affine[:3, :3], compute_uv=False)
    apart = quality.inverse_consistency_mm
    return [
        _when(not quality.end >= quality.start, f"{quality.metric} did not grow beyond its value at the start"),
        _when(quality.end < least, f"{quality.metric} is only {quality.end:.4g}: the images have little in common"),
        _when(quality.overlap < LEAST_OVERLAP, f"only {quality.overlap:.0%} of the fixed image lie in the moving one"),
        _when(last_step_mm > step_mm / 2, f"its last step was still {last_step_mm:.2g} mm long"),
        _when(max(sizes[0], 1 / sizes[-1]) > LARGEST_SCALE, f"it scales by {sizes[-1]:.2f} to {sizes[0]:.2f}"),
        _when(quality.folded > 0, f"it folds {quality.folded:.2%} of the voxels"),
        _when(
            apart is not None and apart > ALLOWED_APART * step_mm,
            f"there and back misses by {apart or 0:.2g} mm",
        ),
    ]


def _when(doubted: bool, reason: str) -> str:
    return reason if doubted else ""


def apart_mm(there: Transform, back: Transform, grid: VolumeGeometry) -> float:
    """The RMS distance in mm between points of ``grid`` and themselves, there and back again."""
    indices = [np.linspace(0, n - 1, min(n, 20)) for n in grid.shape[::-1]]
    points = grid.to_points(np.stack(np.meshgrid(*indices, indexing="ij"), axis=-1))
    return float(np.sqrt(np.mean(np.sum((back.map(there.map(points)) - points) ** 2, axis=-1))))
