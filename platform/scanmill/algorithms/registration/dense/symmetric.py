"""Symmetric greedy registration: both images move half of the way, so that neither is preferred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scanmill.algorithms.registration.dense.field import composed, inverted, refined, warped
from scanmill.algorithms.registration.dense.greedy import MeasureOf, Smoothness, unfolded
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure
from scanmill.algorithms.registration.dense.progress import Callback, Outcome, Watch
from scanmill.arrays import Array, xp_of

Halves = tuple[Array, Array]
"""From the middle to the fixed image, and from the middle to the moving one."""


def symmetric(
    levels: Sequence[Level],
    measure_of: MeasureOf,
    max_iterations: Sequence[int],
    *,
    smoothness: Smoothness | None = None,
    tolerance: float = 0.005,
    callback: Callback | None = None,
) -> Outcome:
    """Two fields from a middle: half of each Gauss-Newton step for the moving image, minus half for the fixed one.

    The map is the second after the inverse of the first, the way back the first after the inverse of the second; both
    inverses are found by iteration. Source: Avants et al. (Med Image Anal 12 (2008) 26).
    """
    smoothness = smoothness or Smoothness()
    halves: tuple[Array | None, Array | None] = (None, None)
    coarse: Level | None = None
    reason = ""
    for number, level in enumerate(levels):
        both = refined(halves[0], coarse, level), refined(halves[1], coarse, level)
        watch = Watch(number, max_iterations[number], tolerance, callback)
        halves, reason = _at_level(measure_of(level), both, watch, smoothness)
        coarse = level
        if watch.stopped:
            halves = refined(halves[0], level, levels[-1]), refined(halves[1], level, levels[-1])
            break
    to_fixed, to_moving = halves
    there, back = composed(to_moving, inverted(to_fixed)), composed(to_fixed, inverted(to_moving))
    return Outcome(there, watch.first, watch.last, back, reason)


def _at_level(measure: Measure, halves: Halves, watch: Watch, smoothness: Smoothness) -> tuple[Halves, str]:
    level = measure.level
    xp = xp_of(level.fixed)
    fixed_side = replace(level, moving=level.fixed, matrix=xp.eye(3, 4, dtype=np.float32))
    best, best_value = halves, -float("inf")
    while True:
        (fixed, fixed_inside), (moving, inside) = warped(fixed_side, halves[0]), warped(level, halves[1])
        reading = measure.between(fixed, moving, fixed_inside * inside)
        if reading.value > best_value:
            best, best_value = halves, reading.value
        if watch.ends(reading.value):
            watch.last = best_value
            return best, ""
        step = smoothness.newton(measure, reading, watch.level) * np.float32(0.5)
        sigma = smoothness.at(watch.level)[1]
        moved = unfolded(halves[0], -step, level, sigma), unfolded(halves[1], step, level, sigma)
        if moved[0] is None or moved[1] is None:
            return best, "every further step would fold"
        halves = moved
