"""A small scene with a known motion and a known deformation, for the steps of registration."""

import numpy as np

from scanmill.algorithms.registration.resample import resample
from scanmill.data import Volume
from scanmill.data.transforms import DisplacementField, Rigid
from scanmill.geometry import VolumeGeometry

GRID = VolumeGeometry.centered((24, 28, 32), (1.5, 1.25, 1.0))


def blobs(seed=0, grid=GRID):
    """A smooth object of many blobs in the middle half of the grid."""
    rng = np.random.default_rng(seed)
    points, extent = grid.voxel_points(), np.array(grid.extent)
    array = np.zeros(grid.shape)
    for place, size in zip(rng.uniform(-0.25, 0.25, (12, 3)) * extent, rng.uniform(2, 4, 12), strict=True):
        array += np.exp(-((points - place) ** 2).sum(axis=-1) / (2 * size**2))
    return Volume((100 * array).astype(np.float32), grid)


def bump(size_mm=2.0, grid=GRID):
    """A smooth displacement that fades towards the edges."""
    waves = np.cos(np.pi * grid.voxel_points() / np.array(grid.extent)).clip(0) ** 2
    vectors = size_mm * waves.prod(axis=-1)[..., None] * np.array([1.0, -0.5, 0.5])
    return DisplacementField(vectors, grid)


FIXED = blobs()
MOTION = Rigid.from_euler((0.05, -0.08, 0.1), (3.0, -2.0, 1.0))
MOVED = resample(FIXED, GRID, MOTION.inverse(), interpolation="cubic")
DEFORMATION = bump()
DEFORMED = resample(FIXED, GRID, DEFORMATION.inverse())
