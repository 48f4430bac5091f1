"""The modality independent neighbourhood descriptor, in its self-similarity context."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from scanmill.algorithms.registration.dense.filters import box
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.measure import Measure
from scanmill.arrays import Array, xp_of
from scanmill.kernels import forces

HALF = 1
"""Voxels of a patch to either side."""
LEAST, MOST = 1e-3, 1e3
"""Bounds of a voxel's variance, in means over the image."""


class SelfSimilarity(Measure):
    """Minus the mean squared difference of the MIND-SSC descriptors: the contrast may be any, the structure counts."""

    def __init__(self, level: Level, *, half: int = HALF) -> None:
        super().__init__(level)
        self.half = half
        self._fixed = descriptors(level.fixed, half)

    def _equate(self, fixed: Array, moving: Array, inside: Array) -> None:
        ours = self._fixed if fixed is self.level.fixed else descriptors(fixed, self.half)
        theirs = descriptors(moving, self.half)
        sums = xp_of(fixed).empty_like(self.sums)
        self.equations[:], self.sums[:] = 0, 0
        for one, other in zip(ours, theirs, strict=True):
            forces.DIFFERENCE(self.n_runs, one, other, inside, self.level.weight, self.run, self.scratch, sums)
            self.equations += self.scratch
            self.sums += sums
        self.equations /= np.float32(len(ours))


def descriptors(image: Array, half: int = HALF) -> Array:
    """MIND-SSC (c, z, y, x): exp(-(D - min D) / V) for the 12 pairs of face neighbours that touch at an edge.

    D is the mean squared difference of the patches around the two, V the mean of D - min D over all pairs, bounded by
    `LEAST` and `MOST`; beyond the edges they go on. A plane has 4 pairs. Source: Heinrich et al. (MICCAI 2013, LNCS
    8149:187).
    """
    xp = xp_of(image)
    squares = xp.stack([(_shifted(image, a) - _shifted(image, b)) ** 2 for a, b in pairs(image.shape)])
    apart = box(squares, half, xp.empty_like(squares))
    apart -= apart.min(axis=0)
    spread = apart.mean(axis=0)
    usual = float(spread.mean(dtype=np.float64))
    return xp.exp(-apart / xp.clip(spread, LEAST * usual + 1e-30, MOST * usual + 1e-30)).astype(np.float32)


def pairs(shape: tuple[int, ...]) -> list[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """Pairs of face neighbours (z, y, x) that are not opposite; along an axis with one voxel there is none."""
    faces = [
        (side * (axis == 0), side * (axis == 1), side * (axis == 2))
        for axis in range(3)
        if shape[axis] > 1
        for side in (-1, 1)
    ]
    return [(a, b) for a, b in combinations(faces, 2) if sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) == 2]


def _shifted(image: Array, by: tuple[int, int, int]) -> Array:
    """image(x + by); the edge goes on."""
    places = (xp_of(image).clip(xp_of(image).arange(n) + d, 0, n - 1) for n, d in zip(image.shape, by, strict=True))
    return image[xp_of(image).ix_(*places)]
