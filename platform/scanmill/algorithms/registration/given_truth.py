"""A registration beside what is known of the pair: landmarks, or segmentations of both images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.algorithms.registration.registration import Registration
from scanmill.algorithms.registration.resample import resample
from scanmill.arrays import HostArray, to_host
from scanmill.data import Labels
from scanmill.data.transforms import Transform
from scanmill.errors import InputError


def judged_by(
    registration: Registration,
    *,
    landmarks: tuple[HostArray, HostArray] | None = None,
    labels: tuple[Labels, Labels] | None = None,
) -> Registration:
    """The same registration; its quality also has ``landmark_error_mm`` and ``label_dice``, of what is given.

    ``landmarks`` are points (n, 3) of the fixed image and their likes in the moving one, in LPS mm; ``labels`` are the
    segmentations of the fixed image and of the moving one, with the same numbers, each on a grid of its own. They must
    not have taken part in the registration. Raises InputError for points that are no pairs, and labels without any.

    >>> from scanmill.algorithms.registration.quality import Quality
    >>> from scanmill.data.transforms import Translation
    >>> found = Registration(Translation((3.0, 0.0, 0.0)), Quality("ncc", 0.1, 0.9, overlap=1.0))
    >>> points = np.array([[0.0, 0.0, 0.0], [5.0, 5.0, 5.0]])
    >>> judged_by(found, landmarks=(points, points + [3.0, 0.0, 2.0])).quality.landmark_error_mm
    2.0
    """
    quality = registration.quality
    if landmarks is not None:
        quality = replace(quality, landmark_error_mm=_landmark_error(registration.transform, *landmarks))
    if labels is not None:
        quality = replace(quality, label_dice=_mean_dice(registration.transform, *labels))
    return replace(registration, quality=quality)


def _landmark_error(transform: Transform, fixed: HostArray, moving: HostArray) -> float:
    """The RMS distance in mm (Fitzpatrick & West, IEEE TMI 20:917, 2001)."""
    fixed, moving = (np.asarray(points, np.float64) for points in (fixed, moving))
    if fixed.ndim != 2 or fixed.shape != moving.shape or fixed.shape[1] != 3 or not len(fixed):
        raise InputError("landmarks come in pairs", expected="(n, 3) and (n, 3)", got=(fixed.shape, moving.shape))
    if not (np.isfinite(fixed).all() and np.isfinite(moving).all()):
        raise InputError("a landmark is not finite", expected="points in mm")
    return float(np.sqrt(np.mean(np.sum((transform.map(fixed) - moving) ** 2, axis=-1))))


def _mean_dice(transform: Transform, fixed: Labels, moving: Labels) -> float:
    """The mean Dice of the labels that the fixed segmentation has, on its grid."""
    here, there = to_host(fixed.array), to_host(resample(moving, fixed.geometry, transform).array)
    both, ours, theirs = (_sizes(array) for array in (here[here == there], here, there))
    if not ours:
        raise InputError("the segmentation of the fixed image has no label", expected="a number other than 0")
    return float(np.mean([2 * both.get(label, 0) / (n + theirs.get(label, 0)) for label, n in ours.items()]))


def _sizes(array: HostArray) -> dict[int, int]:
    """The voxels of each label but 0."""
    labels, counts = np.unique(array, return_counts=True)
    return {int(label): int(n) for label, n in zip(labels, counts, strict=True) if label}
