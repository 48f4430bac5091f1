"""Similarity of two images under a linear map, and its slopes along the map's numbers. Larger is better.

ssd: minus the mean squared difference. ncc: the correlation r. mi: mutual information in nats. nmi: (H(f) + H(m)) /
H(f, m) (Studholme et al., Pattern Recognition 32:71, 1999), which depends less on how much of the images overlaps.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np

from scanmill.algorithms.registration.samples import Samples
from scanmill.arrays import Array, HostArray, device_of, to_device, to_host, xp_of

LinearMetric = Literal["ssd", "ncc", "mi", "nmi"]
N_BINS = 32


class Measure(Protocol):
    """Similarity at a ``matrix`` (3, 4) from centred points in mm to an index of the moving image.

    ``slopes`` and ``information`` belong to the last matrix that ``value`` saw.
    """

    samples: Samples
    inside: float
    """The fraction of the samples that lie in the moving image."""

    def value(self, matrix: HostArray) -> float:
        """The similarity."""
        ...

    def slopes(self) -> HostArray:
        """Its derivative along the matrix, (3, 4)."""
        ...

    def information(self) -> HostArray:
        """A positive (12, 12) in place of minus its second derivative: Gauss-Newton, or the scores' squares."""
        ...


class _Looked:
    """The samples, the moving image, and what the samples saw of it last."""

    def __init__(self, samples: Samples, image: Array) -> None:
        from scanmill.kernels import similarity

        self.samples, self.image, self.kernels = samples, image, similarity
        self.xp, self.device = xp_of(image), device_of(image)
        self.seen = self.xp.empty((4, len(samples)), image.dtype)
        self.scores = self.xp.empty(len(samples), image.dtype)
        self.inside = 0.0

    def run(self, kernel: Any, *args: Any) -> None:
        kernel(self.samples.n_owners, *args)

    def sums(self, n: int) -> Array:
        return self.xp.zeros((self.samples.n_owners, n), self.image.dtype)

    def update(self, matrix: HostArray) -> None:
        there = to_device(matrix.astype(self.image.dtype), self.device)
        self.run(self.kernels.LOOK, self.samples.points, there, self.image, self.samples.run, self.seen)

    def pulled(self) -> HostArray:
        """The scores' sum along the twelve numbers, (3, 4)."""
        sums = self.sums(self.kernels.N_PULL)
        self.run(self.kernels.PULL, self.samples.points, self.seen, self.scores, self.samples.run, sums)
        return np.asarray(to_host(sums).sum(axis=0, dtype=np.float64).reshape(3, 4))

    def spread(self, weights: Array) -> HostArray:
        """The weighted information, (12, 12)."""
        sums = self.sums(self.kernels.N_INFORMATION)
        self.run(self.kernels.INFORMATION, self.samples.points, self.seen, weights, self.samples.run, sums)
        parts = to_host(sums).sum(axis=0, dtype=np.float64).reshape(6, 10)
        upper = np.triu_indices(4)
        full = np.empty((3, 4, 3, 4))
        for part, (a, b) in zip(parts, zip(*np.triu_indices(3), strict=True), strict=True):
            square = np.zeros((4, 4))
            square[upper] = part
            full[a, :, b, :] = full[b, :, a, :] = square + np.triu(square, 1).T
        return full.reshape(12, 12)


class Histogram(_Looked):
    """mi and nmi, from a joint histogram; the moving image's values lie within 0 ... N_BINS - 1."""

    def __init__(self, samples: Samples, image: Array, metric: LinearMetric) -> None:
        super().__init__(samples, image)
        self.normalised = metric == "nmi"
        self.bins = self.xp.rint(samples.values).astype(np.uint8)

    def value(self, matrix: HostArray) -> float:
        """The similarity; minus infinity where nothing overlaps."""
        self.update(matrix)
        counts = self.sums(N_BINS * (N_BINS + 2)).reshape(-1, N_BINS, N_BINS + 2)
        self.run(self.kernels.JOINT, self.bins, self.seen, self.samples.run, counts)
        joint = to_host(counts).sum(axis=0, dtype=np.float64)
        self.n = joint.sum()
        self.inside = min(1.0, float(self.n) / max(len(self.samples), 1))
        if self.n <= 0:
            return -np.inf
        self.joint = joint / self.n
        entropies = [_entropy(p) for p in (self.joint.sum(axis=1), self.joint.sum(axis=0), self.joint)]
        self.entropy = max(entropies[2], 1e-12)
        information = entropies[0] + entropies[1] - entropies[2]
        self.score = 1 + information / self.entropy if self.normalised else information
        return float(self.score)

    def slopes(self) -> HostArray:
        """The derivative along the matrix, (3, 4)."""
        moving, joint = _log(self.joint.sum(axis=0)), _log(self.joint)
        gains = (self.score * joint - moving) / self.entropy if self.normalised else joint - moving
        steps = to_device(np.diff(gains, axis=1).astype(self.image.dtype), self.device)
        self.run(self.kernels.TABLE_SCORES, self.bins, self.seen, steps, self.samples.run, self.scores)
        return np.asarray(self.pulled() / self.n)

    def information(self) -> HostArray:
        """The mean of the scores' squares: the likelihood's information, if p(moving | fixed) is as it is seen."""
        scale = self.entropy if self.normalised else 1.0
        return np.asarray(self.spread(self.scores**2) * scale / self.n)


class Moments(_Looked):
    """ssd and ncc, from sums; both images should be of order one."""

    def __init__(self, samples: Samples, image: Array, metric: LinearMetric) -> None:
        super().__init__(samples, image)
        self.correlation = metric == "ncc"

    def value(self, matrix: HostArray) -> float:
        """The similarity; minus infinity where nothing overlaps."""
        self.update(matrix)
        sums = self.sums(self.kernels.N_MOMENTS)
        self.run(self.kernels.MOMENTS, self.samples.values, self.seen, self.samples.run, sums)
        n, *rest = to_host(sums).sum(axis=0, dtype=np.float64)
        self.n, self.inside = n, float(n) / max(len(self.samples), 1)
        if n <= 0:
            return -np.inf
        f, m, ff, mm, fm = (total / n for total in rest)
        if not self.correlation:
            self.line, self.weight = np.array([0.0, 2.0, -2.0]), 2.0
            return float(2 * fm - ff - mm)
        across, var_f, var_m = fm - f * m, max(ff - f * f, 1e-12), max(mm - m * m, 1e-12)
        r = across / np.sqrt(var_f * var_m)
        by_f, by_m = 1 / np.sqrt(var_f * var_m), r / var_m
        self.line, self.weight = np.array([by_m * m - by_f * f, by_f, -by_m]), 1 / var_m
        return float(r)

    def slopes(self) -> HostArray:
        """The derivative along the matrix, (3, 4)."""
        line = to_device(self.line.astype(self.image.dtype), self.device)
        self.run(self.kernels.LINE_SCORES, self.samples.values, self.seen, line, self.samples.run, self.scores)
        return np.asarray(self.pulled() / self.n)

    def information(self) -> HostArray:
        """Gauss-Newton."""
        return np.asarray(self.spread(self.xp.full_like(self.scores, self.weight)) / self.n)


def top_of(metric: LinearMetric) -> float:
    """The largest value that images should have for a metric; the least is 0."""
    return N_BINS - 1.0 if metric in ("mi", "nmi") else 1.0


def measure_of(metric: LinearMetric, samples: Samples, image: Array) -> Measure:
    """The measure of this name on values and an image from 0 to `top_of` it."""
    kind = Histogram if metric in ("mi", "nmi") else Moments
    return kind(samples, image, metric)


def _entropy(p: HostArray) -> float:
    return float(-(p * _log(p)).sum())


def _log(p: HostArray) -> HostArray:
    """The logarithm, of nothing that of very little."""
    return np.asarray(np.log(np.maximum(p, 1e-12)))
