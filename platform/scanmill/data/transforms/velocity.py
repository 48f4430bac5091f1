"""A stationary velocity field and its exponential."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scanmill.arrays import Array, to_host
from scanmill.data.transforms.displacement import DisplacementField, slabs
from scanmill.data.transforms.transform import Transform
from scanmill.data.transforms.vectors import check_vectors
from scanmill.geometry import VolumeGeometry

LARGEST_STEP = 0.5
"""In voxels: the largest displacement of the first step of squaring."""


@dataclass(frozen=True, eq=False)
class VelocityField(Transform):
    """Where points are after they drifted with v (z, y, x, 3), in LPS mm per unit of time, for one unit: exp(v).

    By scaling and squaring, exp(v) = exp(v / 2^n)^(2^n), from a midpoint step of at most half a voxel on. Invertible
    where v is smooth on its grid, and the inverse is exp(-v). It should fade towards the edges: beyond them points
    stay where they are. Source: Arsigny et al. (MICCAI 2006, LNCS 4190:924).

    >>> drift = VelocityField(np.full((5, 5, 5, 3), 0.5), VolumeGeometry((5, 5, 5)))
    >>> drift.map([2.0, 2.0, 2.0]).round(6).tolist()
    [2.5, 2.5, 2.5]
    """

    array: Array
    geometry: VolumeGeometry

    def __post_init__(self) -> None:
        check_vectors(self.array, self.geometry, "velocities")

    @cached_property
    def displacement(self) -> DisplacementField:
        """exp(v) as a displacement field on the same grid."""
        velocity = np.asarray(to_host(self.array), np.float64)
        in_voxels = np.linalg.norm(velocity / min(self.geometry.spacing), axis=-1).max()
        n = int(np.ceil(np.log2(max(in_voxels / LARGEST_STEP, 1.0))))
        field = _composed(DisplacementField(velocity / 2 ** (n + 1), self.geometry), own=0.0, moved=2.0)
        for _ in range(n):
            field = _composed(field, own=1.0, moved=1.0)
        return field

    def _map(self, points: Array) -> Array:
        return self.displacement.map(points)

    def inverse(self) -> VelocityField:
        """exp(-v)."""
        return VelocityField(-self.array, self.geometry)


def _composed(field: DisplacementField, *, own: float, moved: float) -> DisplacementField:
    """``own`` u(x) + ``moved`` u(x + u(x)): a square with 1 and 1, a midpoint step of half-steps u with 0 and 2."""
    array = np.empty_like(field.array)
    for planes, points in slabs(field.geometry):
        there = points + field.array[planes]
        array[planes] = own * field.array[planes] + moved * (field.map(there) - there)
    return DisplacementField(array, field.geometry)
