"""Cycle spinning: a sparsity that lies elsewhere in every iteration, so that its grid leaves no pattern."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scanmill.algorithms.reconstruction.items import PerItem
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.arrays import Array
from scanmill.operators.roll import RollOp


class CycleSpun(Sparsity):
    """``sparsity`` of the image rolled by a random shift, another in every iteration, the same for the same ``seed``.

    ``periods`` is {axis: the number of shifts along it}: 2 to the number of levels for a wavelet transform, the side of
    a block for the locally low rank. In the mean over the shifts the denoising knows no grid (Coifman & Donoho,
    Translation-invariant de-noising, 1995); one shift an iteration is enough (Figueiredo & Nowak, IEEE Trans. Image
    Process. 12 (2003) 906; BART does so).
    """

    moving = True

    def __init__(self, sparsity: Sparsity, periods: Mapping[int, int], *, seed: int = 0) -> None:
        self.analysis, self.norm_squared = sparsity.analysis, sparsity.norm_squared
        self.unitary, self.item_axis = sparsity.unitary, sparsity.item_axis
        self._still, self._periods, self._seed = sparsity, dict(periods), seed

    def at(self, iteration: int) -> Sparsity:
        """The sparsity of the image rolled by this iteration's shift."""
        rng = np.random.default_rng((self._seed, iteration))
        shifts = {axis: int(rng.integers(period)) for axis, period in self._periods.items()}
        return _Rolled(self._still, shifts)

    def value(self, coefficients: Array) -> PerItem:
        """φ without a shift."""
        return self._still.value(coefficients)

    def inside(self, dual: Array, radius: PerItem) -> Array:
        """The dual ball without a shift."""
        return self._still.inside(dual, radius)


class _Rolled(Sparsity):
    """φ of K of the rolled image."""

    def __init__(self, still: Sparsity, shifts: Mapping[int, int]) -> None:
        op = still.analysis
        self.analysis = op @ RollOp(op.in_shape, shifts, dtype=op.dtype)
        self.norm_squared, self.unitary, self.item_axis = still.norm_squared, still.unitary, still.item_axis
        self._still = still

    def value(self, coefficients: Array) -> PerItem:
        return self._still.value(coefficients)

    def inside(self, dual: Array, radius: PerItem) -> Array:
        return self._still.inside(dual, radius)

    def lowered(self, coefficients: Array, radius: PerItem) -> Array:
        return self._still.lowered(coefficients, radius)
