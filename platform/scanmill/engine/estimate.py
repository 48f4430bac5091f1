"""How long it will still take, from what units cost against what was predicted of them."""

from __future__ import annotations

import math

from scanmill.engine.events import Estimate

SIGMAS = 1.645
"""A 90 % interval."""


class Pace:
    """Sums of finished units: predicted and actual seconds. `estimate` scales what remains by their ratio.

    The interval is that of a ratio estimator (Cochran, Sampling Techniques, 1977, eq. 2.39), plus the scatter of the
    units that remain.

    >>> pace = Pace()
    >>> for predicted, actual in ((1, 2), (2, 4), (3, 6)): pace.add(predicted, actual)
    >>> pace.estimate(remaining=100.0, n_remaining=50, n_workers=4).seconds
    50.0
    """

    def __init__(self) -> None:
        self.n = 0
        self._p = self._a = self._pp = self._aa = self._pa = 0.0

    def add(self, predicted: float, actual: float) -> None:
        """A unit has finished."""
        self.n += 1
        self._p += predicted
        self._a += actual
        self._pp += predicted * predicted
        self._aa += actual * actual
        self._pa += predicted * actual

    def estimate(self, *, remaining: float, n_remaining: int, n_workers: int) -> Estimate:
        """``remaining``: the predicted seconds of the units that have not ended."""
        if not n_remaining:
            return Estimate(0.0, 0.0, 0.0)
        if not self.n or self._p <= 0 or not n_workers:
            return Estimate()
        ratio = self._a / self._p
        scatter = max(self._aa - 2 * ratio * self._pa + ratio * ratio * self._pp, 0.0) / max(self.n - 1, 1)
        if self.n == 1:
            scatter = ratio * ratio * self._pp
        mean = self._p / self.n
        of_ratio = math.sqrt(scatter / self.n) / mean * remaining
        of_rest = math.sqrt(scatter * n_remaining)
        spread = SIGMAS * math.hypot(of_ratio, of_rest)
        seconds = ratio * remaining
        return Estimate(seconds / n_workers, max(seconds - spread, 0.0) / n_workers, (seconds + spread) / n_workers)
