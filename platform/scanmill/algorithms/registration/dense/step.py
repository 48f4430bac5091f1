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


def gauss_newton_step(
    measure: Measure, reading: Reading, sigma: float, damping: float, longest: float
) -> tuple[Array, float]:
    """The step (3, z, y, x) that every voxel's neighbourhood agrees on, and its largest length, both in voxels.

    Solves (G * A + d) v = G * b voxel by voxel, with a Gaussian G of ``sigma`` units and d = ``damping`` times the mean
    trace: a Gauss-Newton step for a displacement that is constant under G (Lucas & Kanade, IJCAI 1981, 674). Steps
    beyond ``longest`` voxels are all shortened.
    """
    level = measure.level
    smooth = gaussian(reading.equations, level.sigmas(sigma), measure.scratch, edge=False)
    return solved(measure, smooth, damping * reading.trace + TINY, longest)


def solved(measure: Measure, equations: Array, damping: float, longest: float) -> tuple[Array, float]:
    """The step of every voxel by its own equations."""
    xp = xp_of(equations)
    step = xp.empty((3, *measure.level.shape), np.float32)
    largest = xp.empty(measure.n_runs, np.float32)
    forces.SOLVE(measure.n_runs, equations, np.float32(damping), measure.run, step, largest)
    length = float(to_host(largest).max()) ** 0.5
    if length > longest:
        step *= np.float32(longest / length)
    return step, min(length, longest)


def smoothed(field: Array, level: Level, sigma: float) -> Array:
    """The field (3, z, y, x) itself, smoothed by ``sigma`` units; its edge goes on."""
    return gaussian(field, level.sigmas(sigma), xp_of(field).empty_like(field), edge=True)
