"""Which measure suits a pair of images."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from scanmill.algorithms.registration.dense.beginning import Beginning
from scanmill.algorithms.registration.dense.correlation import LocalCorrelation
from scanmill.algorithms.registration.dense.difference import SquaredDifference
from scanmill.algorithms.registration.dense.greedy import MeasureOf
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure
from scanmill.algorithms.registration.dense.mind import SelfSimilarity
from scanmill.algorithms.registration.dense.recoloured import RecolouredCorrelation
from scanmill.arrays import Array
from scanmill.errors import InputError, SpecError

Metric = Literal["auto", "lncc", "squared_lncc", "ratio", "mind", "ssd"]
WINDOWS = (3, 2)
"""Voxels of a correlation's window to either side: at the finest level, and at all others."""
SAME_CONTRAST = 0.95
"""The part of the squared local correlation that must be positive, for the contrast to be taken as the same."""
INVERTED = 0.5


class Choice(NamedTuple):
    """A measure for every level with its name, and why it was taken."""

    metric: str
    measure_of: MeasureOf
    note: str


def choose(beginning: Beginning, metric: str) -> Choice:
    """The measure of that name, for ``auto`` by the contrast; InputError where ``lncc`` cannot work."""
    if metric not in get_args(Metric):
        raise SpecError("unknown metric of deformable registration", expected=get_args(Metric), got=metric)
    note = ""
    if metric in ("auto", "lncc"):
        finest = beginning.levels[-1]  # coarser ones see the outline more than what is inside
        same = same_contrast(finest, beginning.field_at(finest))
        note = f"{same:.0%} of the squared local correlation is positive"
        if metric == "lncc" and same < INVERTED:
            raise InputError("bright lies on dark: a signed local correlation cannot work", got=note, do="take `ratio`")
        metric = "lncc" if metric == "lncc" or same >= SAME_CONTRAST else "ratio"
    return Choice(metric, _measures(metric, beginning.levels[-1]), note)


def same_contrast(level: Level, field: Array) -> float:
    """How much of the squared local correlation comes from windows where bright lies on bright, from 0 to 1."""
    both = LocalCorrelation(level, half=WINDOWS[1])(field).value
    return LocalCorrelation(level, half=WINDOWS[1], signed=True)(field).value / max(both, 1e-12)


def _measures(metric: str, finest: Level) -> MeasureOf:
    def measure_of(level: Level) -> Measure:
        half = WINDOWS[0] if level is finest else WINDOWS[1]
        if metric == "ssd":
            return SquaredDifference(level)
        if metric == "mind":
            return SelfSimilarity(level)
        if metric == "ratio":
            return RecolouredCorrelation(level, half=half)
        return LocalCorrelation(level, half=half, signed=metric == "lncc")

    return measure_of
