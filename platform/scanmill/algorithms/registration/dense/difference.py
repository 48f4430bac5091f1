"""The squared difference."""

from __future__ import annotations

from scanmill.algorithms.registration.dense.measure import Measure
from scanmill.arrays import Array
from scanmill.kernels import forces


class SquaredDifference(Measure):
    """Minus the mean squared difference of two images of equal intensities, in units of their variance."""

    def _equate(self, fixed: Array, moving: Array, inside: Array) -> None:
        forces.DIFFERENCE(self.n_runs, fixed, moving, inside, self.level.weight, self.run, self.equations, self.sums)
