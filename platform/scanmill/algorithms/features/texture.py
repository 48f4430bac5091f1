"""What a co-occurrence matrix says about a texture: Haralick's features and their kin."""

from __future__ import annotations

from typing import Literal

import numpy as np

from scanmill.arrays import Array, HostArray, to_host
from scanmill.errors import InputError

Aggregation = Literal["merged", "averaged"]

TEXTURES = (
    "joint_maximum",
    "joint_average",
    "joint_variance",
    "joint_entropy",
    "difference_average",
    "difference_variance",
    "difference_entropy",
    "sum_average",
    "sum_variance",
    "sum_entropy",
    "angular_second_moment",
    "contrast",
    "dissimilarity",
    "inverse_difference",
    "normalised_inverse_difference",
    "inverse_difference_moment",
    "normalised_inverse_difference_moment",
    "inverse_variance",
    "correlation",
    "autocorrelation",
    "cluster_tendency",
    "cluster_shade",
    "cluster_prominence",
    "information_correlation_1",
    "information_correlation_2",
)
"""The names and their order, those of the IBSI reference manual."""


def texture_features(counts: Array, *, aggregation: Aggregation = "merged") -> dict[str, float]:
    """The 25 features of section 3.6 of the IBSI reference manual (arXiv 1612.07003 v11), levels counted from 1.

    ``counts`` (direction, level, level) are symmetric. "merged" adds the directions up first, "averaged" takes the
    mean of each direction's features, without directions that have no pair. Logarithms are to base 2. Other names:
    Haralick's energy is the angular second moment (scikit-image's is its square root), homogeneity is the inverse
    difference moment. A texture of one level has a correlation of 1 and no information correlation (0).
    Raises InputError where no two voxels of the region are neighbours.

    >>> values = texture_features(np.array([[[2, 1], [1, 0]]]))
    >>> values["contrast"], values["joint_maximum"], round(values["correlation"], 3)
    (0.5, 0.5, -0.333)
    """
    matrices = to_host(counts).astype(np.float64)
    if aggregation == "merged":
        matrices = matrices.sum(axis=0, keepdims=True)
    used = [m / m.sum() for m in matrices if m.sum() > 0]
    if not used:
        raise InputError("no two voxels of the region are neighbours", do="take a larger region")
    values = np.mean([_features(p) for p in used], axis=0)
    return dict(zip(TEXTURES, values.tolist(), strict=True))


def _features(p: HostArray) -> list[float]:
    """The features of one matrix of probabilities, in the order of TEXTURES."""
    n = len(p)
    levels = np.arange(1, n + 1)
    i, j = np.meshgrid(levels, levels, indexing="ij")
    far = np.abs(i - j)
    differences, sums = np.bincount(far.ravel(), p.ravel()), np.bincount((i + j).ravel(), p.ravel())
    k, s = np.arange(len(differences)), np.arange(len(sums))
    mean, difference, total = (i * p).sum(), (k * differences).sum(), (s * sums).sum()
    variance = ((i - mean) ** 2 * p).sum()
    cluster = i + j - 2 * mean
    squared = cluster * cluster  # a third or fourth power by NumPy's ** takes longer than all the rest
    apart = far > 0
    return [
        p.max(),
        mean,
        variance,
        _entropy(p),
        difference,
        ((k - difference) ** 2 * differences).sum(),
        _entropy(differences),
        total,
        ((s - total) ** 2 * sums).sum(),
        _entropy(sums),
        (p * p).sum(),
        (far**2 * p).sum(),
        (far * p).sum(),
        (p / (1 + far)).sum(),
        (p / (1 + far / n)).sum(),
        (p / (1 + far**2)).sum(),
        (p / (1 + (far / n) ** 2)).sum(),
        (p[apart] / far[apart] ** 2).sum(),
        ((i - mean) * (j - mean) * p).sum() / variance if variance > 0 else 1.0,
        (i * j * p).sum(),
        (squared * p).sum(),
        (squared * cluster * p).sum(),
        (squared * squared * p).sum(),
        *_information(p),
    ]


def _entropy(p: HostArray) -> float:
    some = p[p > 0]
    return float(-(some * np.log2(some)).sum())


def _information(p: HostArray) -> tuple[float, float]:
    """Both information correlations: of the joint entropy with those of its margins."""
    margin = p.sum(axis=1)
    joint, single = _entropy(p), _entropy(margin)
    independent = np.outer(margin, margin)
    some = independent > 0
    cross = -float((p[some] * np.log2(independent[some])).sum())
    first = (joint - cross) / single if single > 0 else 0.0
    return first, float(np.sqrt(max(0.0, 1 - np.exp(-2 * (2 * single - joint)))))
