"""What a deformable registration says while it runs, and when it has gone far enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scanmill.arrays import Array
from scanmill.errors import ConvergenceError

LEAST_DETERMINANT = 0.05
"""No voxel may shrink to less."""


class Status(NamedTuple):
    """One look at the images: the ``level`` (0 is the coarsest), the ``iteration`` at it, and the similarity."""

    level: int
    iteration: int
    value: float


Callback = Callable[[Status], object]
"""Called at every look; the registration ends where it returns False."""


class Outcome(NamedTuple):
    """The field (3, z, y, x) of the finest level, in voxels, with the similarity there before and after.

    ``inverse`` is a field too, where there is one. ``reason`` says why an end is no good one.
    """

    field: Array
    start: float
    end: float
    inverse: Array | None = None
    reason: str = ""


@dataclass
class Watch:
    """Says when a level is done: it gained less than ``tolerance`` of the gain so far, or had its turns."""

    level: int
    max_iterations: int
    tolerance: float
    callback: Callback | None = None
    first: float = 0.0
    last: float = 0.0
    looks: int = 0
    stopped: bool = False

    def ends(self, value: float) -> bool:
        """Whether this look was the last one; ConvergenceError where the similarity is not a number."""
        if not np.isfinite(value):
            raise ConvergenceError("the similarity is not a number", where=f"level {self.level}, look {self.looks}")
        if self.callback is not None and self.callback(Status(self.level, self.looks, value)) is False:
            self.stopped = True
        self.first = value if self.looks == 0 else self.first
        gain, so_far = value - self.last, value - self.first
        over = self.looks > 0 and gain < self.tolerance * max(so_far, 0.0)
        self.last, self.looks = value, self.looks + 1
        return self.stopped or over or self.looks > self.max_iterations
