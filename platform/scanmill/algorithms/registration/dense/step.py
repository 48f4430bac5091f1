"""From the equations of the voxels to a smooth step."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.dense.filters import gaussian
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure, Reading
from scanmill.arrays import Array, to_host, xp_of
from scanmill.kernels import forces

TINY = 1e-12
"""Keeps the equations of a flat image solvable."""


def gauss_newton_step(measure: Measure, reading: Reading, sigma: float, damping: float, longest: float) -> Array:
    """The step (3, z, y, x) that every voxel's neighbourhood agrees on, in voxels.

    Solves (G * A + d) v = G * b voxel by voxel, with a Gaussian G of ``sigma`` units and d = ``damping`` times the mean
    trace: a Gauss-Newton step for a displacement that is constant under G (Lucas & Kanade, IJCAI 1981, 674). Steps
    beyond ``longest`` voxels shorten all.
    """
    xp, level = xp_of(reading.equations), measure.level
    smooth = gaussian(reading.equations, level.sigmas(sigma), measure.scratch, edge=False)
    step = xp.empty((3, *level.shape), np.float32)
    largest = xp.empty(measure.n_runs, np.float32)
    forces.SOLVE(measure.n_runs, smooth, np.float32(damping * reading.trace + TINY), measure.run, step, largest)
    length = float(to_host(largest).max()) ** 0.5
    if length > longest:
        step *= np.float32(longest / length)
    return step


def demons_step(reading: Reading, longest: float) -> Array:
    """Every voxel's own step r g / (|g|^2 + (r / 2L)^2), at most L = ``longest`` voxels long (Thirion's force)."""
    b, a = reading.equations[:3], reading.equations[3:]
    trace = a[0] + a[3] + a[5]
    squared = (b * b).sum(axis=0)
    return b / (trace + squared / (4 * longest**2 * xp_of(b).maximum(trace, TINY)) + TINY)


def smoothed(field: Array, level: Level, sigma: float) -> Array:
    """The field (3, z, y, x) itself, smoothed by ``sigma`` units; its edge goes on."""
    return gaussian(field, level.sigmas(sigma), xp_of(field).empty_like(field), edge=True)
