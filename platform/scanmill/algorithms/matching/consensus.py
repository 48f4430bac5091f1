"""The one movement of the plane that most matches agree on: RANSAC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

Fit = Callable[[HostArray, HostArray], HostArray]
Model = Literal["similarity", "affine"]
N_POINTS = {"similarity": 2, "affine": 3}
"""How many pairs make a model."""
N_REFITS = 10
LARGEST_SCALE = 3.0
"""Images of the same thing do not differ more in size; what does is a few points that fell together."""


@dataclass(frozen=True, eq=False)
class Consensus:
    """``matrix`` (2, 3) maps (x, y, 1) of the first image to (x, y) of the second; ``is_inlier`` (m,) who agrees."""

    matrix: HostArray
    is_inlier: HostArray

    @property
    def n_inliers(self) -> int:
        """How many matches agree."""
        return int(self.is_inlier.sum())

    def map(self, points: HostArray) -> HostArray:
        """Points (n, 2) of the first image in the second."""
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2])


def consensus(
    first: HostArray,
    second: HostArray,
    *,
    model: Model = "similarity",
    tolerance: float = 3.0,
    n_trials: int = 1000,
    seed: int = 0,
) -> Consensus | None:
    """The model that brings most points (m, 2) within ``tolerance`` pixels of their partners; None for too few pairs.

    M. A. Fischler, R. C. Bolles, Commun. ACM 24 (1981) 381-395: models of random pairs, the one with most inliers
    (of equals the first), then least squares over its inliers until they stay the same. A similarity turns, scales and
    shifts; neither model mirrors or scales by more than 3. The same seed gives the same bytes.

    >>> a = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [7.0, 3.0]])
    >>> found = consensus(a, np.array([[5.0, 5.0], [5.0, 25.0], [-15.0, 5.0], [90.0, 90.0]]))
    >>> (found.matrix.round(6) + 0.0).tolist(), found.is_inlier.tolist()
    ([[0.0, -2.0, 5.0], [2.0, 0.0, 5.0]], [True, True, True, False])
    """
    if model not in N_POINTS or first.shape != second.shape or first.ndim != 2 or first.shape[1] != 2:
        raise InputError("a consensus needs pairs of points (m, 2)", got=(model, first.shape, second.shape))
    n_points = N_POINTS[model]
    if len(first) < n_points:
        return None
    fit = _similarities if model == "similarity" else _affinities
    best = _best_trial(fit, first, second, n_points, tolerance, n_trials, seed)
    if best is None:
        return None
    for _ in range(N_REFITS):
        matrix = fit(first[best.is_inlier][None], second[best.is_inlier][None])
        inside = _errors(matrix, first, second)[0] <= tolerance
        if inside.sum() < n_points or not _is_plausible(matrix)[0]:
            break
        is_same = bool((inside == best.is_inlier).all())
        best = Consensus(matrix[0], inside)
        if is_same:
            break
    return best


def _best_trial(
    fit: Fit, first: HostArray, second: HostArray, n_points: int, tolerance: float, n_trials: int, seed: int
) -> Consensus | None:
    """The first of the trials with the most inliers."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(size=(n_trials, len(first))).argpartition(n_points - 1, axis=1)[:, :n_points]
    matrices = fit(first[drawn], second[drawn])
    inside = (_errors(matrices, first, second) <= tolerance) & _is_plausible(matrices)[:, None]
    counts = inside.sum(axis=1)
    best = int(counts.argmax())
    return None if counts[best] < n_points else Consensus(matrices[best], inside[best])


def _similarities(first: HostArray, second: HostArray) -> HostArray:
    """Least squares of (trial, n, 2) to (trial, n, 2), (trial, 2, 3).

    b = s a + t in complex numbers; s = Σ conj(a) b / Σ |a|² about the means.
    """
    a, b = (points[..., 0] + 1j * points[..., 1] for points in (first, second))
    middle_a, middle_b = a.mean(axis=1, keepdims=True), b.mean(axis=1, keepdims=True)
    power = (abs(a - middle_a) ** 2).sum(axis=1)
    s = ((a - middle_a).conj() * (b - middle_b)).sum(axis=1) / np.where(power > 0, power, np.inf)
    t = middle_b[:, 0] - s * middle_a[:, 0]
    rows = [np.stack([s.real, -s.imag, t.real], axis=-1), np.stack([s.imag, s.real, t.imag], axis=-1)]
    return np.stack(rows, axis=1)


def _affinities(first: HostArray, second: HostArray) -> HostArray:
    ones = np.ones((*first.shape[:2], 1))
    return np.asarray(np.swapaxes(np.linalg.pinv(np.concatenate([first, ones], axis=2)) @ second, 1, 2))


def _errors(matrices: HostArray, first: HostArray, second: HostArray) -> HostArray:
    """(trial, m): how far, in pixels, each point lands from its partner."""
    landed = np.einsum("tij,mj->tmi", matrices[:, :, :2], first) + matrices[:, None, :, 2]
    return np.asarray(np.hypot(*np.moveaxis(landed - second, -1, 0)))


def _is_plausible(matrices: HostArray) -> HostArray:
    """Whether both singular values lie between 1 / 3 and 3 and nothing is mirrored."""
    linear = matrices[:, :, :2]
    values = np.linalg.svd(linear, compute_uv=False)
    fits = (values[:, 0] <= LARGEST_SCALE) & (values[:, 1] >= 1 / LARGEST_SCALE)
    return np.asarray(fits & (np.linalg.det(linear) > 0))
