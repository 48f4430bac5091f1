"""We on a pair, kernels loaded before the clock runs."""

import os

from scanmill.data import Volume
from scanmill.data.transforms import DisplacementField
from scanmill.geometry import VolumeGeometry

STEP = 4
"""Every so many voxels make the small images for which kernels are loaded."""


def rigid(fixed, moving, clock):
    """A rigid map, all choices by themselves."""
    return _timed(_rigid, fixed, moving, clock)


def deformable(fixed, moving, clock):
    """An affine map, then a deformation that begins there."""
    return _timed(_deformable, fixed, moving, clock)


def _rigid(fixed, moving):
    from scanmill.algorithms.registration.linear import register_linear

    return register_linear(fixed, moving, model="rigid").transform


def _deformable(fixed, moving):
    from scanmill.algorithms.registration.deformable import register_deformable
    from scanmill.algorithms.registration.linear import register_linear

    start = register_linear(fixed, moving, model="affine").transform
    return register_deformable(fixed, moving, start=start).transform


def _timed(method, fixed, moving, clock):
    from scanmill.kernels import launch

    with launch.threads(int(os.environ["NUMBA_NUM_THREADS"])):
        method(_small(fixed), _small(moving))
        with clock():
            transform = method(fixed, moving)
    return DisplacementField.sampled(transform, fixed.geometry).array + fixed.geometry.voxel_points()


def _small(image):
    grid, array = image.geometry, image.array[::STEP, ::STEP, ::STEP]
    spacing = tuple(STEP * s for s in grid.spacing)
    return Volume(array, VolumeGeometry(array.shape, spacing, grid.origin, grid.direction))
