"""Fusion by image pyramids: Laplacian (differences) and ratio (contrasts)."""

from __future__ import annotations

from collections.abc import Sequence

from scanmill.algorithms.fusion.burt_adelson import LEVELS, expand_to, halved_axes, reduce_by_half
from scanmill.algorithms.fusion.images import stacked
from scanmill.algorithms.fusion.rules import Rule, combine
from scanmill.arrays import Array

DARKEST = 0.05
"""Of the images' common range: what is added to the darkest value before ratios are taken."""


def laplacian_pyramid(
    images: Sequence[Array], *, rule: Rule = "max-abs", base: Rule = "average", n_levels: int = LEVELS
) -> Array:
    """Images (z, y, x) or (y, x) fused by ``rule`` in each level of their Laplacian pyramid and ``base`` in the last.

    L_k = G_k − EXPAND(G_{k+1}), and back: exact for equal images. Fewer levels where the image is small.

    Source: P. J. Burt, E. H. Adelson, "Merging images through pattern decomposition", Proc. SPIE 575 (1985) 173.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).normal(size=(20, 33))
    >>> bool(abs(laplacian_pyramid([image, image]) - image).max() < 1e-12)
    True
    """
    level = stacked(images)
    bands: list[Array] = []
    while len(bands) < n_levels and halved_axes(level.shape):
        coarse = reduce_by_half(level)
        bands.append(combine(level - expand_to(coarse, level.shape), rule))
        level = coarse
    fused = combine(level, base)
    for band in reversed(bands):
        fused = band + expand_to(fused[None], (1, *band.shape))[0]
    return fused


def ratio_pyramid(
    images: Sequence[Array], *, rule: Rule = "max-abs", base: Rule = "average", n_levels: int = LEVELS
) -> Array:
    """Images fused by the contrasts C_k = G_k / EXPAND(G_{k+1}) − 1 of each level, as the eye sees them.

    All images are shifted alike beforehand so that the darkest voxel is `DARKEST` of their common range, for a ratio
    to nothing is no contrast, and back afterwards. The strongest contrast of every level is taken, so that dark places
    can become darker and bright ones brighter than in any image.

    Source: A. Toet, L. J. van Ruyven, J. M. Valeton, "Merging thermal and visual images by a contrast pyramid",
    Opt. Eng. 28 (1989) 789.
    """
    level = stacked(images)
    bands: list[Array] = []
    low, high = float(level.min()), float(level.max())
    shift = DARKEST * (high - low) - low
    level = level + level.dtype.type(shift)
    while len(bands) < n_levels and halved_axes(level.shape):
        coarse = reduce_by_half(level)
        bands.append(combine(level / expand_to(coarse, level.shape) - 1, rule))
        level = coarse
    fused = combine(level, base)
    for band in reversed(bands):
        fused = (band + 1) * expand_to(fused[None], (1, *band.shape))[0]
    return fused - level.dtype.type(shift)
