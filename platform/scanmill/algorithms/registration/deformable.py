"""Deformable registration: the smooth map that takes every point of one image to its like in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from scanmill.algorithms.registration.dense.contrast import SAME_CONTRAST, same_contrast
from scanmill.algorithms.registration.dense.correlation import LocalCorrelation
from scanmill.algorithms.registration.dense.difference import SquaredDifference
from scanmill.algorithms.registration.dense.field import (
    determinants,
    in_millimetres,
    in_voxels,
    refined,
    warped,
)
from scanmill.algorithms.registration.dense.greedy import MeasureOf, greedy
from scanmill.algorithms.registration.dense.level import Level, levels_of, object_box
from scanmill.algorithms.registration.dense.pair import check_pair
from scanmill.algorithms.registration.dense.progress import Callback, Outcome
from scanmill.algorithms.registration.dense.recoloured import RecolouredCorrelation
from scanmill.algorithms.registration.quality import Quality
from scanmill.algorithms.registration.registration import Registration
from scanmill.arrays import Array, to_host, xp_of
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, DisplacementField, Transform
from scanmill.errors import InputError, SpecError

Method = Literal["greedy"]
Metric = Literal["auto", "lncc", "squared_lncc", "ratio", "ssd"]
WINDOWS = (3, 2)
"""Voxels of a correlation's window to either side: at the finest level, and at all others."""


class Choice(NamedTuple):
    """A measure with its name, and why it was taken."""

    metric: str
    measure_of: MeasureOf
    note: str


def register_deformable(
    fixed: Volume,
    moving: Volume,
    *,
    method: Method = "greedy",
    metric: Metric = "auto",
    start: Transform | None = None,
    fixed_mask: Labels | None = None,
    factors: Sequence[int] = (4, 2, 1),
    max_iterations: Sequence[int] = (10, 10, 20),
    callback: Callback | None = None,
) -> Registration:
    """The transform from ``fixed`` points to ``moving`` ones that makes the images alike, ``start`` (affine) included.

    ``greedy`` composes small smooth steps. ``metric``: ``lncc`` is the local correlation of images whose contrast is
    the same; ``ratio`` gives the fixed image the moving one's colours before, for any other contrast that is a function
    of the fixed one's; ``squared_lncc`` also takes a contrast that is locally inverted; ``ssd`` is for equal
    intensities; ``auto`` takes ``lncc`` or ``ratio`` by the sign of the correlation. Only voxels in ``fixed_mask``
    count, if there is one. At each level the fixed image is thinned out by one of ``factors``. The result is
    bit-identical for any number of threads; nothing folds.

    Raises InputError for images that are constant, not finite or do not overlap, a mask on another grid, one plane
    beside many, and for ``lncc`` where bright lies on dark; ConvergenceError where the similarity is lost.
    """
    _check(method, metric, factors, max_iterations)
    check_pair(fixed, moving, fixed_mask)
    levels, field, rest = _beginning(fixed, moving, start, fixed_mask, factors)
    at_start = refined(field, levels[-1], levels[0]) if field is not None else None
    overlap = _overlap(levels[-1], field)
    choice = _choice(levels, field, metric)
    outcome = greedy(levels, choice.measure_of, max_iterations, field=at_start, callback=callback)
    moved = in_millimetres(outcome.field, levels[-1], fixed.geometry)
    return Registration(rest @ moved if rest is not None else moved, _quality(outcome, choice, levels[-1], overlap))


def _check(method: str, metric: str, factors: Sequence[int], max_iterations: Sequence[int]) -> None:
    for word, got, known in (("method", method, get_args(Method)), ("metric", metric, get_args(Metric))):
        if got not in known:
            raise SpecError(f"unknown {word} of deformable registration", expected=" or ".join(known), got=got)
    if len(factors) != len(max_iterations) or min(factors, default=0) < 1 or min(max_iterations) < 1:
        raise SpecError("every level needs a factor and iterations", got=(tuple(factors), tuple(max_iterations)))
    if list(factors) != sorted(factors, reverse=True):
        raise SpecError("levels go from coarse to fine", expected="falling factors", got=tuple(factors))


def _beginning(
    fixed: Volume, moving: Volume, start: Transform | None, mask: Labels | None, factors: Sequence[int]
) -> tuple[list[Level], Array | None, Transform | None]:
    """The levels, the field to begin with on the finest one, and what is linear in ``start``."""
    affine = np.eye(4) if start is None else start.affine
    weight = np.ones(fixed.geometry.shape, np.float32)
    if mask is not None:
        weight = (to_host(mask.array) != 0).astype(np.float32)
    weight = xp_of(fixed.array).asarray(weight)
    if affine is not None:
        box = object_box(to_host(fixed.array), None if mask is None else to_host(mask.array) != 0)
        levels = levels_of(fixed, moving, affine, weight, box, factors)
        return levels, None, None if start is None else Affine.from_affine(affine)
    whole = tuple(slice(0, n) for n in fixed.geometry.shape)
    levels = levels_of(fixed, moving, np.eye(4), weight, whole, factors)  # type: ignore[arg-type]
    begun = DisplacementField.sampled(start, fixed.geometry)  # type: ignore[arg-type]
    return levels, xp_of(fixed.array).asarray(in_voxels(begun.array, fixed.geometry)), None


def _overlap(level: Level, field: Array | None) -> float:
    """The part of the voxels that count and lie in the moving image."""
    _, inside = warped(level, refined(None, None, level) if field is None else field)
    overlap = float((inside * level.weight).sum(dtype=np.float64) / level.weight.sum(dtype=np.float64))
    if overlap == 0:
        raise InputError("the images do not overlap", do="start with a linear registration")
    return overlap


def _choice(levels: Sequence[Level], field: Array | None, metric: str) -> Choice:
    looked_at = levels[-2] if len(levels) > 1 else levels[-1]
    begun = refined(field, levels[-1] if field is not None else None, looked_at)
    note = ""
    if metric in ("auto", "lncc"):
        same = same_contrast(looked_at, begun, WINDOWS[1])
        note = f"{same:.0%} of the local correlation is positive"
        if metric == "lncc" and same < 0.5:
            raise InputError("bright lies on dark: a signed local correlation cannot work", got=note, do="take `ratio`")
        metric = "lncc" if metric == "lncc" or same >= SAME_CONTRAST else "ratio"
    return Choice(metric, _measures(metric, levels[-1]), note)


def _measures(metric: str, finest: Level) -> MeasureOf:
    def measure_of(level: Level) -> LocalCorrelation | SquaredDifference:
        half = WINDOWS[0] if level is finest else WINDOWS[1]
        if metric == "ssd":
            return SquaredDifference(level)
        if metric == "ratio":
            return RecolouredCorrelation(level, half=half)
        return LocalCorrelation(level, half=half, signed=metric == "lncc")

    return measure_of


def _quality(outcome: Outcome, choice: Choice, level: Level, overlap: float) -> Quality:
    det = determinants(outcome.field)
    converged = not outcome.reason and outcome.end > outcome.start
    return Quality(
        choice.metric,
        outcome.start,
        outcome.end,
        overlap=overlap,
        jacobian_min=float(det.min()),
        jacobian_max=float(det.max()),
        folded=float((det <= 0).mean()),
        converged=converged,
        reason=outcome.reason or ("" if converged else "the images did not become more alike"),
        note=choice.note,
    )
