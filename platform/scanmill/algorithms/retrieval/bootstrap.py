"""How far a mean over queries would move with other patients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError


class Interval(NamedTuple):
    """A mean with the bounds of its interval."""

    mean: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.lower:.2f}-{self.upper:.2f})"


def bootstrap_interval(
    values: HostArray, patients: HostArray, *, level: float = 0.95, n_resamples: int = 2000, seed: int = 0
) -> Interval:
    """The mean of ``values`` (n,) and its percentile interval over resampled ``patients`` (n,), not queries.

    Queries of one patient are alike, so whole patients are drawn, with replacement, as many as there are (the cluster
    bootstrap: A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). With one
    patient there is nothing to draw from: the bounds are NaN. The same seed gives the same interval.

    >>> bootstrap_interval(np.array([1.0, 1.0, 1.0]), np.array(["a", "a", "b"]))
    Interval(mean=1.0, lower=1.0, upper=1.0)
    """
    x = np.asarray(values, dtype=np.float64)
    if not x.size or x.shape != np.shape(patients) or not np.isfinite(x).all():
        raise InputError("an interval needs finite values, each with its patient", got=(x.shape, np.shape(patients)))
    if not 0 < level < 1 or n_resamples < 1:
        raise InputError("a level lies between 0 and 1, resamples are 1 or more", got=(level, n_resamples))
    words, of_patient = np.unique(patients, return_inverse=True)
    sums, counts = np.bincount(of_patient, x), np.bincount(of_patient)
    if len(words) < 2:
        return Interval(float(x.mean()), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(len(words), size=(n_resamples, len(words)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    lower, upper = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(x.mean()), float(lower), float(upper))
