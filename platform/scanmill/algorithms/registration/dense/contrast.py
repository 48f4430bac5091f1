"""Which measure suits a pair of images."""

from __future__ import annotations

from scanmill.algorithms.registration.dense.correlation import LocalCorrelation
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure
from scanmill.arrays import Array

SAME_CONTRAST = 0.75
"""The part of the squared local correlation that must come from positive correlation."""


def same_contrast(level: Level, field: Array, half: int) -> float:
    """How much of the squared local correlation comes from windows where bright lies on bright, from 0 to 1."""
    both: Measure = LocalCorrelation(level, half=half)
    positive: Measure = LocalCorrelation(level, half=half, signed=True)
    return positive(field).value / max(both(field).value, 1e-12)
