"""Images of different contrast, made alike before they are compared."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.dense.correlation import HALF, LocalCorrelation
from scanmill.algorithms.registration.dense.level import Level
from scanmill.arrays import Array, xp_of

N_BINS = 64
BLUR = 1.0
"""In bins: how smooth the curve from one contrast to the other is."""


class RecolouredCorrelation(LocalCorrelation):
    """Local correlation after the fixed image took the colours of the moving one.

    Every fixed value becomes the mean of the moving values that it lies on: the curve whose share of the moving image's
    variance is the correlation ratio (Roche et al., MICCAI 1998, LNCS 1496:1115). It is drawn anew at every look, as
    Guimond et al. do (IEEE Trans Med Imaging 20 (2001) 58), and need not be monotone. What is left, such as a bias
    field, is up to the local correlation, which must be positive.
    """

    def __init__(self, level: Level, *, half: int = HALF) -> None:
        super().__init__(level, half=half, signed=True)

    def _equate(self, fixed: Array, moving: Array, inside: Array) -> None:
        super()._equate(recoloured(fixed, moving, self.level.weight * inside), moving, inside)


def recoloured(fixed: Array, moving: Array, weight: Array) -> Array:
    """E[moving | fixed] at every voxel of ``fixed``, from the voxels with a weight; linear between bins."""
    xp = xp_of(fixed)
    low, high = float(fixed.min()), float(fixed.max())
    places = ((fixed - low) * ((N_BINS - 1) / max(high - low, 1e-12))).ravel()
    bins = xp.minimum(places.astype(np.int32), N_BINS - 2)
    share = places - bins
    curve = _curve(bins, share, moving.ravel(), weight.ravel()).astype(np.float32)
    return (curve[bins] * (1 - share) + curve[bins + 1] * share).reshape(fixed.shape).astype(np.float32)


def _curve(bins: Array, share: Array, values: Array, weight: Array) -> Array:
    """The mean value in every bin, float64, blurred; empty bins take their neighbours'."""
    xp = xp_of(bins)
    sums = []
    for counted in (weight * values, weight):
        lower = xp.bincount(bins, (1 - share) * counted, N_BINS)
        sums.append(lower + xp.bincount(bins + 1, share * counted, N_BINS))
    apart = xp.arange(N_BINS)[:, None] - xp.arange(N_BINS)
    blur = xp.exp(-0.5 * (apart / BLUR) ** 2) + 1e-9 * xp.exp(-abs(apart))
    return (blur @ sums[0]) / xp.maximum(blur @ sums[1], 1e-30)
