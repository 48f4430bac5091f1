"""Greedy diffeomorphic registration: one small smooth step after another, each composed with those before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanmill.algorithms.registration.dense.field import composed, least_determinant, refined
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure, Reading
from scanmill.algorithms.registration.dense.progress import LEAST_DETERMINANT, Callback, Outcome, Watch
from scanmill.algorithms.registration.dense.step import demons_step, gauss_newton_step, smoothed
from scanmill.arrays import Array

MeasureOf = Callable[[Level], Measure]
N_HALVINGS = 4
"""So often a step that would fold is halved."""


@dataclass(frozen=True)
class Smoothness:
    """Gaussians in units of a level, for the coarsest, the next and all finer ones, and what keeps steps small.

    ``step`` smooths the equations of a step, ``field`` all displacements after it. ``damping`` is counted in mean
    traces of the equations, ``longest`` in voxels.
    """

    step: Sequence[float] = (1.0, 2.0, 3.0)
    field: Sequence[float] = (1.0, 1.0, 1.0)
    damping: float = 0.02
    longest: float = 2.0

    def at(self, level: int) -> tuple[float, float]:
        """The two Gaussians of a level, 0 is the coarsest."""
        return self.step[min(level, len(self.step) - 1)], self.field[min(level, len(self.field) - 1)]

    def newton(self, measure: Measure, reading: Reading, level: int) -> Array:
        """Gauss-Newton for every neighbourhood."""
        return gauss_newton_step(measure, reading, self.at(level)[0], self.damping, self.longest)


@dataclass(frozen=True)
class DemonsSmoothness(Smoothness):
    """The same for demons: ``step`` smooths the step itself, and no voxel's is longer than ``longest``."""

    step: Sequence[float] = (1.5,)
    field: Sequence[float] = (0.7,)
    longest: float = 0.5

    def newton(self, measure: Measure, reading: Reading, level: int) -> Array:
        """Every voxel's own step."""
        return smoothed(demons_step(reading, self.longest), measure.level, self.at(level)[0])


def greedy(
    levels: Sequence[Level],
    measure_of: MeasureOf,
    max_iterations: Sequence[int],
    *,
    field: Array | None = None,
    smoothness: Smoothness | None = None,
    tolerance: float = 0.005,
    callback: Callback | None = None,
) -> Outcome:
    """The field u <- smooth(u o (1 + v)) with Gauss-Newton steps v, from the coarsest level to the finest.

    ``field`` is where it starts, on the coarsest level. A step that would let a voxel shrink below
    `LEAST_DETERMINANT` is halved, so nothing folds. With `DemonsSmoothness` these are the diffeomorphic demons.
    Sources: Christensen et al. (IEEE Trans Image Process 5 (1996) 1435), Vercauteren et al. (NeuroImage 45 (2009) S61).
    """
    smoothness = smoothness or Smoothness()
    coarse: Level | None = None
    reason = ""
    for number, level in enumerate(levels):
        field = field if field is not None and coarse is None else refined(field, coarse, level)
        watch = Watch(number, max_iterations[number], tolerance, callback)
        field, reason = _at_level(measure_of(level), field, watch, smoothness)
        coarse = level
        if watch.stopped:
            field = refined(field, level, levels[-1])
            break
    return Outcome(field, watch.first, watch.last, reason=reason)


def _at_level(measure: Measure, field: Array, watch: Watch, smoothness: Smoothness) -> tuple[Array, str]:
    """The field that is best at this level, and a reason where steps would fold."""
    best, best_value = field, -float("inf")
    while True:
        reading = measure(field)
        if reading.value > best_value:
            best, best_value = field, reading.value
        if watch.ends(reading.value):
            watch.last = best_value
            return best, ""
        step = smoothness.newton(measure, reading, watch.level)
        moved = unfolded(field, step, measure.level, smoothness.at(watch.level)[1])
        if moved is None:
            return best, "every further step would fold"
        field = moved


def unfolded(field: Array, step: Array, level: Level, sigma: float) -> Array | None:
    """The step and then the field, smoothed: with as much of the step as does not fold, or None."""
    for halvings in range(N_HALVINGS):
        moved = smoothed(composed(field, step, 0.5**halvings), level, sigma)
        if least_determinant(moved) >= LEAST_DETERMINANT:
            return moved
    return None
