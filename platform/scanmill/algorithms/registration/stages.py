"""The stages of a linear registration: the best of several starts, then a climb on every level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scanmill.algorithms.registration.checks import middle_of
from scanmill.algorithms.registration.climbing import Hill, Top, climb
from scanmill.algorithms.registration.levels import Level
from scanmill.algorithms.registration.measures import Measure
from scanmill.algorithms.registration.motions import Model, Motion
from scanmill.arrays import HostArray
from scanmill.errors import InputError

Callback = Callable[[int, float], bool | None]
TOLERANCE, REACH = 0.01, 2.0
"""The shortest and the longest step of a climb, in voxels."""
N_CLIMBED = 3
"""Starts that are climbed from."""
LEAST_INSIDE = 0.5
"""A start must have this part of the best start's overlap: few voxels are easily alike."""


def climbed(
    level: Level, measure: Measure, model: Model, start: HostArray, callback: Callback | None = None
) -> tuple[HostArray, Top]:
    """The 4x4 matrix at the top of the hill on which ``start`` lies, and how the climb went."""
    grid = level.fixed.geometry
    n_dims = 2 if grid.shape[0] == 1 else 3
    radius = max(measure.samples.radius, level.step)
    motion = Motion(model, start, middle_of(grid), radius, np.asarray(grid.direction), n_dims)
    top = climb(
        hill_of(measure, motion, level.moving.geometry.point_to_index),
        np.zeros(motion.n_numbers),
        tolerance=TOLERANCE * level.step,
        longest=REACH * level.step,
        callback=callback,
    )
    return motion.affine(top.p), top


def hill_of(measure: Measure, motion: Motion, point_to_index: HostArray) -> Hill:
    """The similarity over the numbers of a motion."""
    return Hill(
        lambda p: measure.value(motion.centred(p, point_to_index)),
        lambda p: motion.slopes(p, point_to_index).T @ measure.slopes().ravel(),
        lambda p: motion.slopes(p, point_to_index).T @ measure.information() @ motion.slopes(p, point_to_index),
    )


def similarity_at(level: Level, measure: Measure, affine: HostArray) -> float:
    """The value under a 4x4 matrix from fixed to moving points."""
    matrix = level.moving.geometry.point_to_index @ affine
    centred = matrix[:3].copy()
    centred[:, 3] += matrix[:3, :3] @ middle_of(level.fixed.geometry)
    return measure.value(centred)


def best_start(level: Level, measure: Measure, model: Model, starts: list[HostArray]) -> HostArray:
    """The best top that the most promising ``starts`` lead to; InputError where no start brings the images together."""
    values = [(similarity_at(level, measure, start), measure.inside) for start in starts]
    most = max(inside for _, inside in values)
    if most <= 0:
        raise InputError("the images do not overlap", do='check their geometry, or start by "centre" or "moments"')
    order = sorted(range(len(starts)), key=lambda n: (values[n][1] < LEAST_INSIDE * most, -values[n][0], n))
    tops = []
    for n in order[:N_CLIMBED]:
        affine, top = climbed(level, measure, model, starts[n])
        similarity_at(level, measure, affine)
        tops.append((measure.inside >= LEAST_INSIDE * most, top.value, affine))
    return max(tops, key=lambda found: found[:2])[2]
