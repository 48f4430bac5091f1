"""Local correlation."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure
from scanmill.arrays import Array, is_device_array, xp_of
from scanmill.kernels import forces, windows

HALF = 3
"""Voxels of a window to either side."""
FLOOR = 1e-4
"""The part of an image's variance below which a window's counts as flat."""
LANES = 128
"""Neighbours that an owner sums at once on a CPU."""


class LocalCorrelation(Measure):
    """The mean over all voxels of the squared correlation in a cube of ``half`` voxels to every side.

    Its equations take the window's straight line from fixed to moving for granted and ask what displacement removes
    the rest. ``signed`` counts only positive correlation. Source of the measure: Cachier et al. (Comput. Vis. Image
    Underst. 89 (2003) 272).
    """

    def __init__(self, level: Level, *, half: int = HALF, signed: bool = False) -> None:
        super().__init__(level)
        self.half, self.signed = half, int(signed)

    def _equate(self, fixed: Array, moving: Array, inside: Array) -> None:
        counts = self.level.weight * inside
        floors = xp_of(fixed).asarray([FLOOR * float(fixed.var()), FLOOR * float(moving.var())], np.float32)
        n, run = self.n_runs, self.run
        moments = window_moments(counts, fixed, moving, self.half, self.equations, self.scratch)
        out = self.scratch if moments.base is self.equations else self.equations
        forces.CORRELATION(
            n, moments, fixed, moving, inside, self.level.weight, floors, self.signed, run, out, self.sums
        )
        self.equations, self.scratch = out, self.equations if out is self.scratch else self.scratch


def window_moments(weight: Array, a: Array, b: Array, half: int, memory: Array, scratch: Array) -> Array:
    """Moments (6, z, y, x) of two images in cubes of ``half`` voxels to every side, in one of two memories.

    They are the weight, both means, and the sums of squared and mixed deviations: `kernels.windows`.
    """
    there, back = memory[:6], scratch[:6]
    windows.MERGE_ROW(a.shape[0] * a.shape[1], weight, a, b, half, there)
    for axis in (2, 1):
        if there.shape[axis] > 1:
            _merge(there, axis, half, back)
            there, back = back, there
    return there


def _merge(moments: Array, axis: int, half: int, out: Array) -> None:
    n, after = moments.shape[axis], int(np.prod(moments.shape[axis + 1 :]))
    seen = (6, moments.size // (6 * n * after), n, after)
    lanes = 1 if is_device_array(moments) else LANES
    n_owners = seen[1] * -(-after // lanes)
    scratch = xp_of(moments).empty((n_owners, 8, lanes), moments.dtype)
    windows.MERGE_ACROSS(n_owners, moments.reshape(seen), half, lanes, scratch, out.reshape(seen))
