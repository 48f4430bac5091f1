"""Fields of displacements (3, z, y, x), as (x, y, z) in voxels of their grid."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.dense.level import Level
from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.data.transforms import DisplacementField
from scanmill.geometry import VolumeGeometry
from scanmill.kernels import warping
from scanmill.operators.grid_places import runs_of

MOST_ITERATIONS = 40
UNDONE = 1e-3
"""In voxels: an inverse is good enough."""


def warped(level: Level, field: Array) -> tuple[Array, Array]:
    """The moving image at the displaced voxels of a level, and where that lies inside it, 1 or 0."""
    xp = xp_of(field)
    out, inside = xp.empty(level.shape, field.dtype), xp.empty(level.shape, field.dtype)
    n_runs, run = runs_of(out)
    warping.WARP(n_runs, level.moving, level.matrix, field, run, out, inside)
    return out, inside


def share(inside: Array, level: Level) -> float:
    """Of the voxels that count, those that are ``inside``."""
    return float((inside * level.weight).sum(dtype=np.float64) / level.weight.sum(dtype=np.float64))


def composed(field: Array, step: Array, scale: float = 1.0) -> Array:
    """First ``scale`` times ``step``, then ``field``."""
    out = xp_of(field).empty_like(field)
    n_runs, run = runs_of(out[0])
    warping.COMPOSE(n_runs, field, step, field.dtype.type(scale), run, out)
    return out


def refined(field: Array | None, coarse: Level | None, fine: Level) -> Array:
    """A coarse level's field on a finer one's grid; at rest where there is none."""
    xp = xp_of(fine.fixed)
    if field is None or coarse is None:
        return xp.zeros((3, *fine.shape), np.float32)
    ratios = xp.asarray(np.array(coarse.factors) / np.array(fine.factors), np.float32)
    out = xp.empty((3, *fine.shape), np.float32)
    n_runs, run = runs_of(out[0])
    warping.REFINE(n_runs, field, ratios, run, out)
    return out


def inverted(field: Array) -> Array:
    """The field that undoes a field without folds: v <- v - (v + u o (1 + v)), until no voxel moves any more."""
    back = -field
    for _ in range(MOST_ITERATIONS):
        off = composed(field, back)
        back = back - off
        if float(abs(off).max()) < UNDONE:
            break
    return back


def determinants(field: Array) -> Array:
    """det(1 + du/dx) at every voxel."""
    out = xp_of(field).empty(field.shape[1:], field.dtype)
    n_runs, run = runs_of(out)
    warping.DETERMINANT(n_runs, field, run, out)
    return out


def least_determinant(field: Array) -> float:
    """The smallest of them."""
    return float(determinants(field).min())


def continued(field: Array, level: Level, grid: VolumeGeometry) -> Array:
    """The finest level's field on the whole fixed ``grid``: its edge goes on where the level was cut out."""
    beyond = [(cut.start, n - cut.stop) for cut, n in zip(level.box, grid.shape, strict=True)]
    return xp_of(field).pad(field, [(0, 0), *beyond], mode="edge")


def in_millimetres(field: Array, grid: VolumeGeometry) -> DisplacementField:
    """A field on the whole fixed ``grid`` as displacements in mm."""
    matrix = grid.index_to_point[:3, :3].astype(np.float32)
    return DisplacementField(np.ascontiguousarray(np.moveaxis(to_host(field), 0, -1) @ matrix.T), grid)


def in_voxels(displacement: Array, grid: VolumeGeometry) -> HostArray:
    """Displacements (z, y, x, 3) in mm as a field on ``grid``."""
    matrix = grid.point_to_index[:3, :3].astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(to_host(displacement) @ matrix.T, -1, 0), np.float32)
