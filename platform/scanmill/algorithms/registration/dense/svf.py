"""Registration by a stationary velocity: its exponential is the map, the exponential of its negative the way back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.algorithms.registration.dense.field import composed, least_determinant, refined
from scanmill.algorithms.registration.dense.greedy import N_HALVINGS, MeasureOf, Smoothness
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure
from scanmill.algorithms.registration.dense.progress import LEAST_DETERMINANT, Callback, Outcome, Watch
from scanmill.algorithms.registration.dense.step import smoothed
from scanmill.arrays import Array
from scanmill.data.transforms.velocity import LARGEST_STEP


def stationary_velocity(
    levels: Sequence[Level],
    measure_of: MeasureOf,
    max_iterations: Sequence[int],
    *,
    smoothness: Smoothness | None = None,
    tolerance: float = 0.005,
    callback: Callback | None = None,
) -> Outcome:
    """The velocity w <- smooth(w + v) with Gauss-Newton steps v of the images under exp(w), from coarse to fine.

    The sum is the Baker-Campbell-Hausdorff series up to its first term (Vercauteren et al., MICCAI 2008, LNCS 5241,
    754).
    The outcome's field is w, in voxels per unit of time.
    """
    smoothness = smoothness or Smoothness()
    velocity: Array | None = None
    coarse: Level | None = None
    reason = ""
    for number, level in enumerate(levels):
        velocity = refined(velocity, coarse, level)
        watch = Watch(number, max_iterations[number], tolerance, callback)
        velocity, reason = _at_level(measure_of(level), velocity, watch, smoothness)
        coarse = level
        if watch.stopped:
            velocity = refined(velocity, level, levels[-1])
            break
    return Outcome(velocity, watch.first, watch.last, reason=reason)


def _at_level(measure: Measure, velocity: Array, watch: Watch, smoothness: Smoothness) -> tuple[Array, str]:
    best, best_value = velocity, -float("inf")
    while True:
        reading = measure(exponential(velocity))
        if reading.value > best_value:
            best, best_value = velocity, reading.value
        if watch.ends(reading.value):
            watch.last = best_value
            return best, ""
        step = smoothness.newton(measure, reading, watch.level)
        moved = _unfolded(velocity, step, measure.level, smoothness.at(watch.level)[1])
        if moved is None:
            return best, "every further step would fold"
        velocity = moved


def _unfolded(velocity: Array, step: Array, level: Level, sigma: float) -> Array | None:
    for halvings in range(N_HALVINGS):
        moved = smoothed(velocity + np.float32(0.5**halvings) * step, level, sigma)
        if least_determinant(exponential(moved)) >= LEAST_DETERMINANT:
            return moved
    return None


def exponential(velocity: Array) -> Array:
    """exp(w) as a field, by scaling and squaring as `data.transforms.VelocityField` does it."""
    fastest = float((velocity**2).sum(axis=0).max()) ** 0.5
    n = int(np.ceil(np.log2(max(fastest / LARGEST_STEP, 1.0))))
    half = velocity * np.float32(0.5 ** (n + 1))
    field = 2 * (composed(half, half) - half)
    for _ in range(n):
        field = composed(field, field)
    return field
