"""The shape of a mask and of every label of a segmentation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scanmill.algorithms.features.box import Box
from scanmill.algorithms.features.surface_mesh import surface_mesh
from scanmill.arrays import Array, HostArray, to_host
from scanmill.data import Labels
from scanmill.errors import InputError

SHAPES = (
    "volume",
    "voxel_volume",
    "surface_area",
    "surface_to_volume_ratio",
    "compactness_1",
    "compactness_2",
    "sphericity",
    "maximum_diameter",
    "major_axis_length",
    "minor_axis_length",
    "least_axis_length",
    "elongation",
    "flatness",
)
"""The names and their order: mm³, mm², 1/mm, mm; the ratios have no unit."""


def shape_features(mask: Array, spacing: Sequence[float] = (1.0, 1.0, 1.0)) -> dict[str, float]:
    """The shape of a mask (z, y, x), or (y, x) as one plane; spacing (x, y, z) in mm.

    Section 3.1 of the IBSI reference manual (arXiv 1612.07003 v11): volume, surface and what comes from them are those
    of the mesh of marching cubes, ``voxel_volume`` counts voxels; the diameter is the greatest distance of two corners
    of the mesh; the axes are 4 √λ of the covariance (n − 1) of the voxels' middles, elongation is √(λminor / λmajor)
    and flatness √(λleast / λmajor), 1 for a single voxel. Raises InputError for an empty mask.

    >>> values = shape_features(np.ones((20, 20, 20)))
    >>> values["voxel_volume"], round(values["elongation"], 6), round(values["sphericity"], 2)
    (8000.0, 1.0, 0.83)
    """
    solid = mask[None] if mask.ndim == 2 else mask
    if solid.ndim != 3 or len(spacing) != 3 or min(spacing) <= 0:
        raise InputError("a shape needs a mask (z, y, x) and three positive spacings", got=(mask.shape, spacing))
    solid = solid[Box.around(solid).slices]
    inside = to_host(solid) != 0
    area, volume = surface_mesh(solid, spacing)
    sphere = (36 * math.pi * volume**2) ** (1 / 3)
    axes = _axis_lengths(inside, spacing)
    values = (
        volume,
        float(inside.sum()) * math.prod(spacing),
        area,
        area / volume,
        volume / math.sqrt(math.pi * area**3),
        (sphere / area) ** 3,
        sphere / area,
        _maximum_diameter(inside, spacing),
        *axes,
        *(axis / axes[0] if axes[0] > 0 else 1.0 for axis in axes[1:]),
    )
    return dict(zip(SHAPES, values, strict=True))


def shapes_of_labels(labels: Labels) -> dict[int, dict[str, float]]:
    """The shape of every label but 0, with the spacing of the labels' grid.

    >>> from scanmill.geometry import VolumeGeometry
    >>> labels = Labels(np.array([[[0, 3, 3]]]), VolumeGeometry((1, 1, 3), (2.0, 1.0, 1.0)))
    >>> shapes_of_labels(labels)[3]["voxel_volume"]
    4.0
    """
    array, spacing = to_host(labels.array), labels.geometry.spacing
    return {int(label): shape_features(array == label, spacing) for label in np.unique(array) if label != 0}


def _axis_lengths(inside: HostArray, spacing: Sequence[float]) -> tuple[float, float, float]:
    """4 √λ of the covariance of the voxels' middles, the longest first; from the mask's sums along its axes."""
    n = int(inside.sum())
    planes = [inside.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    places = [step * np.arange(size) for step, size in zip(spacing[::-1], inside.shape, strict=True)]
    centred = [place - (place * plane).sum() / n for place, plane in zip(places, planes, strict=True)]
    covariance = np.diag([(place**2 * plane).sum() for place, plane in zip(centred, planes, strict=True)])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        covariance[b, a] = (centred[a][:, None] * inside.sum(axis=3 - a - b) * centred[b]).sum()
    variances = np.linalg.eigvalsh(covariance / max(1, n - 1))  # of the lower triangle
    major, minor, least = (4 * math.sqrt(max(0.0, v)) for v in variances[::-1])
    return major, minor, least


def _maximum_diameter(inside: HostArray, spacing: Sequence[float]) -> float:
    """The greatest distance of two corners of the mesh, which lie halfway between a voxel inside and one outside."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    padded = np.pad(inside, 1)
    corners = []
    for axis in range(3):
        crossings = np.argwhere(np.diff(padded, axis=axis)).astype(np.float64)
        crossings[:, axis] += 0.5
        corners.append(crossings)
    points = np.concatenate(corners) * np.asarray(spacing[::-1])
    return float(pdist(points[ConvexHull(points).vertices]).max())
