"""The features that an embedding can be made of, in one literal table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanmill.algorithms.features.cells import cell_means, n_blocks
from scanmill.algorithms.features.cooccurrence import cooccurrence_matrices
from scanmill.algorithms.features.grey_levels import MOST_LEVELS, grey_levels
from scanmill.algorithms.features.hog import hog, hog_size
from scanmill.algorithms.features.hog_3d import hog_3d, hog_3d_size
from scanmill.algorithms.features.intensity_profile import intensity_profile
from scanmill.algorithms.features.intensity_statistics import STATISTICS, intensity_statistics
from scanmill.algorithms.features.local_binary_pattern import pattern_histogram
from scanmill.algorithms.features.shape import shape_features
from scanmill.algorithms.features.texture import TEXTURES, texture_features
from scanmill.arrays import Array, HostArray
from scanmill.errors import InputError

Shape = tuple[int, ...]
SHAPE_WORDS = ("sphericity", "elongation", "flatness")


@dataclass(frozen=True, eq=False)
class View:
    """What features look at: the canonical ``image`` and what of it is ``inside``; the ``mask`` as it came, in mm."""

    image: Array
    inside: Array
    mask: Array | None = None
    spacing: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Feature:
    """``measure(view, **params)`` gives a vector, ``size(shape, **params)`` its length on a grid of that shape.

    ``params`` holds every parameter with its default; ``n_axes`` are the grids that it is for.
    """

    measure: Callable[..., Any]
    size: Callable[..., int]
    params: Mapping[str, Any]
    n_axes: tuple[int, ...] = (2, 3)


def _statistics(view: View) -> HostArray:
    values = intensity_statistics(view.image, view.inside)
    values["energy"] /= int(view.inside.sum())
    return _compressed(list(values.values()))


def _profile(view: View, n_bins: int, n_sections: int) -> Array:
    image, inside = view.image, view.inside
    return intensity_profile(image, inside, lower=0.0, upper=1.0, n_bins=n_bins, n_sections=n_sections).ravel()


def _texture(view: View, n_levels: int, distance: int) -> HostArray:
    levels = grey_levels(view.image, view.inside, bin_width=1 / n_levels, lower=0.0, n_levels=n_levels)
    counts = cooccurrence_matrices(levels, n_levels, distance=distance)
    return _compressed(list(texture_features(counts).values()))


def _patterns(view: View, n_points: int, radius: float) -> Array:
    return pattern_histogram(view.image, view.inside, n_points=n_points, radius=radius)


def _thumbnail(view: View, cell: int) -> Array:
    small = cell_means(view.image, cell)
    return (small - small.mean()).ravel()


def _thumbnail_size(shape: Shape, cell: int) -> int:
    return math.prod(n_blocks(shape, cell, 1))


def _profile_size(shape: Shape, n_bins: int, n_sections: int) -> int:
    if n_sections > shape[0]:
        raise InputError("more sections than planes", expected=f"at most {shape[0]}", got=n_sections)
    return n_bins * n_sections


def _texture_size(shape: Shape, n_levels: int, distance: int) -> int:
    if n_levels > MOST_LEVELS or distance >= max(shape):
        raise InputError("too many levels or too far", expected=(MOST_LEVELS, max(shape) - 1), got=(n_levels, distance))
    return len(TEXTURES)


def _patterns_size(shape: Shape, n_points: int, radius: float) -> int:
    if n_points < 3 or radius >= max(shape):
        raise InputError("a circle on the grid needs 3 points or more", got=(n_points, radius))
    return (n_points + 2) * (3 if len(shape) == 3 and shape[0] > 1 else 1)


def _shape(view: View) -> list[float]:
    if view.mask is None:
        raise InputError("the shape of a region needs a mask", do="give a mask, or an embedding without `shape`")
    spacing = (*(view.spacing or (1.0,) * view.mask.ndim), 1.0)[:3]
    values = shape_features(view.mask, spacing)
    sizes = [math.log10(values["volume"]) / 6, math.log10(values["maximum_diameter"]) / 3]
    return [*(values[word] for word in SHAPE_WORDS), *sizes]


def _compressed(values: list[float]) -> HostArray:
    """sign(x) log(1 + |x|): a fourth moment must not drown a mean."""
    x = np.array(values)
    return np.asarray(np.copysign(np.log1p(abs(x)), x))


FEATURES: Mapping[str, Feature] = {
    # The 18 statistics of the windowed image; energy per voxel; compressed.
    "statistics": Feature(_statistics, lambda shape: len(STATISTICS), {}),
    # The fractions of intensities from 0 to 1, in sections along the first axis (z).
    "profile": Feature(_profile, _profile_size, {"n_bins": 32, "n_sections": 1}),
    # The 25 co-occurrence features of all directions together; compressed.
    "texture": Feature(_texture, _texture_size, {"n_levels": 32, "distance": 1}),
    # The histogram of local binary patterns; of three planes in a volume.
    "patterns": Feature(_patterns, _patterns_size, {"n_points": 8, "radius": 1.0}),
    # The image itself in means of cells (tiny images: A. Torralba, R. Fergus, W. T. Freeman, 2008), without its mean.
    "thumbnail": Feature(_thumbnail, _thumbnail_size, {"cell": 6}),
    # Oriented gradients of the whole grid: the region's box with what is around it.
    "hog": Feature(
        lambda view, **params: hog(view.image, **params).ravel(),
        hog_size,
        {"n_orientations": 9, "cell": 16, "block": 2},
        (2,),
    ),
    "hog_3d": Feature(
        lambda view, **params: hog_3d(view.image, **params).ravel(),
        hog_3d_size,
        {"cell": 8, "block": 2, "signed": False},
        (3,),
    ),
    # Sphericity, elongation, flatness, log10(mm³) / 6 and log10(mm) / 3 of the mask itself; voxels are 1 mm if unsaid.
    "shape": Feature(_shape, lambda shape: len(SHAPE_WORDS) + 2, {}),
}
"""By the name that a description uses."""
