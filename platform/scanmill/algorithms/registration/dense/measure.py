"""How alike two images are, and the normal equations that would make them more so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from scanmill.algorithms.registration.dense.field import warped
from scanmill.algorithms.registration.dense.level import Level
from scanmill.arrays import Array, to_host, xp_of
from scanmill.operators.grid_places import runs_of

N_EQUATIONS = 9
"""b as (x, y, z); A as xx, xy, xz, yy, yz, zz."""


class Reading(NamedTuple):
    """The similarity (the larger the better), the equations (9, z, y, x), and the mean of their traces."""

    value: float
    equations: Array
    trace: float


class Measure(ABC):
    """A similarity at one level: called with a field, gives its `Reading`, whose arrays live until the next call."""

    def __init__(self, level: Level) -> None:
        self.level = level
        xp = xp_of(level.fixed)
        self.equations = xp.empty((N_EQUATIONS, *level.shape), np.float32)
        self.scratch = xp.empty_like(self.equations)
        self.n_runs, self.run = runs_of(level.fixed)
        self.sums = xp.empty((self.n_runs, 3), np.float32)

    def __call__(self, field: Array) -> Reading:
        """The moving image is looked at through the level's matrix and ``field``."""
        moving, inside = warped(self.level, field)
        return self.between(self.level.fixed, moving, inside)

    def between(self, fixed: Array, moving: Array, inside: Array) -> Reading:
        """Of two images on the level's grid; ``inside`` is 0 where the moving one has nothing to say."""
        self._equate(fixed, moving, inside)
        value, total, trace = to_host(self.sums).sum(axis=0, dtype=np.float64)
        return Reading(float(value / max(total, 1.0)), self.equations, float(trace / max(total, 1.0)))

    @abstractmethod
    def _equate(self, fixed: Array, moving: Array, inside: Array) -> None:
        """Fill the equations, and a row of (similarity, weight, trace) for every run."""
