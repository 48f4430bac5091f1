"""Translation, rigid, similarity and affine registration."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from scanmill.algorithms.registration.checks import check_pair, middle_of
from scanmill.algorithms.registration.contrast import SIGNED, agreement, check_contrast
from scanmill.algorithms.registration.levels import MAX_SAMPLES, Level, levels_of
from scanmill.algorithms.registration.measures import LinearMetric
from scanmill.algorithms.registration.motions import Model, as_model
from scanmill.algorithms.registration.quality import Quality
from scanmill.algorithms.registration.registration import Registration
from scanmill.algorithms.registration.stages import Callback, best_start, climbed, similarity_at
from scanmill.algorithms.registration.starts import Starts, starts_of
from scanmill.algorithms.registration.trust import apart_mm, judged
from scanmill.arrays import HostArray, device_of, use_device
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, Transform
from scanmill.errors import SpecError

COARSE: LinearMetric = "nmi"
"""Compares the starts and climbs the coarsest level: it asks for no relation of contrasts."""
BACK_SAMPLES = 200_000
"""The way back is a check: so many samples will do."""


def register_linear(
    fixed: Volume,
    moving: Volume,
    *,
    model: Model = "rigid",
    metric: Literal["auto"] | LinearMetric = "auto",
    fixed_mask: Labels | None = None,
    moving_mask: Labels | None = None,
    start: Transform | None = None,
    starts: Starts = "auto",
    seed: int = 0,
    both_ways: bool = False,
    max_samples: int = MAX_SAMPLES,
    callback: Callback | None = None,
) -> Registration:
    """The linear map under which ``moving`` looks like ``fixed``; it takes **fixed points to moving ones**.

    ``start`` is such a map to begin with, and the result contains it; without, ``starts`` are compared. All voxels of
    the fixed image count, or those of its mask; of more than ``max_samples`` some are drawn by ``seed``. A plane
    (1, y, x) stays in its plane. ``metric``: ssd and ncc for equal contrasts (refused for others), nmi and mi for any;
    auto is nmi. ``both_ways`` also registers back, and states how far the two ways are apart. ``callback`` gets each
    step's number and similarity, and ends the level by returning False. The result is the same, bit by bit, for any
    number of threads. A registration that failed says so in its ``quality``.

    Raises InputError for images that cannot be compared or do not overlap, SpecError for a metric that their contrasts
    do not suit and for a start that is not linear. Sources: Thévenaz & Unser, IEEE TIP 9:2083 (2000); Studholme et al.,
    Pattern Recognition 32:71 (1999).

    >>> from scanmill.geometry import VolumeGeometry
    >>> y, x = np.mgrid[:64, :64]
    >>> def blob(a, b): return np.exp(-((x - a) ** 2 / 90 + (y - b) ** 2 / 200))[None].astype(np.float32)
    >>> fixed, moving = (Volume(blob(*at), VolumeGeometry((1, 64, 64))) for at in ((30, 30), (33.5, 28)))
    >>> register_linear(fixed, moving, model="translation").transform.map([0.0, 0.0, 0.0]).round(1).tolist()
    [3.5, -2.0, 0.0]
    """
    check_pair(fixed, moving, fixed_mask, moving_mask)
    _check_metric(metric)
    with use_device(device_of(fixed.array)):
        levels = levels_of(fixed, moving, fixed_mask, moving_mask)
        first = starts_of(starts, levels[0], model) if start is None else [_linear_start(start)]
        affine = best_start(levels[0], levels[0].measure(COARSE), model, first)
        metric = _suited(metric, levels[min(1, len(levels) - 1)], affine)
        for level in levels[1:-1]:
            affine, _ = climbed(level, level.measure(metric, at_most=max_samples, seed=seed), model, affine, callback)
        finest = levels[-1]
        measure = finest.measure(metric, at_most=max_samples, seed=seed)
        before = similarity_at(finest, measure, first[0])
        affine, top = climbed(finest, measure, model, affine, callback)
        after = similarity_at(finest, measure, affine)
        transform = as_model(model, affine, middle_of(fixed.geometry))
        apart = apart_mm(transform, _way_back(finest, metric, model, affine), fixed.geometry) if both_ways else None
    volume = float(np.linalg.det(affine[:3, :3]))
    quality = Quality(metric, before, after, measure.inside, apart, volume, volume, float(volume <= 0))
    verdict = judged(
        quality, step_mm=finest.step, last_step_mm=top.last_step, affine=affine, n_samples=len(measure.samples)
    )
    return Registration(transform, verdict)


def _check_metric(metric: str) -> None:
    possible = ("auto", *get_args(LinearMetric))
    if metric not in possible:
        raise SpecError("unknown metric of a linear registration", expected=" or ".join(possible), got=metric)


def _linear_start(start: Transform) -> HostArray:
    if start.affine is None:
        raise SpecError("a linear registration needs a linear start", got=type(start).__name__)
    return start.affine


def _suited(metric: Literal["auto"] | LinearMetric, level: Level, affine: HostArray) -> LinearMetric:
    """The metric to go on with, now that the images lie roughly on each other."""
    if metric in SIGNED:
        check_contrast(metric, agreement(level.fixed, level.moving, affine))
    return COARSE if metric == "auto" else metric


def _way_back(level: Level, metric: LinearMetric, model: Model, affine: HostArray) -> Transform:
    """From moving to fixed points, found on its own on the finest level."""
    back = level.reversed()
    measure = back.measure(metric, at_most=BACK_SAMPLES)
    return Affine.from_affine(climbed(back, measure, model, np.linalg.inv(affine))[0])
