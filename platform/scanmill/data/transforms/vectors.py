"""Vectors (z, y, x, 3) on a grid, and their values between its points: what fields and free forms share."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.data.transforms.transform import apply_affine
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


def check_vectors(array: Array, geometry: VolumeGeometry, what: str) -> None:
    """`InputError` unless there is a finite vector for each point of the grid."""
    if tuple(array.shape) != (*geometry.shape, 3) or array.dtype.kind != "f":
        raise InputError(
            f"{what} do not fit their grid",
            expected=f"{(*geometry.shape, 3)} real numbers",
            got=f"{tuple(array.shape)} of {array.dtype}",
        )
    n_bad = int((~xp_of(array).isfinite(array).all(axis=-1)).sum())
    if n_bad:
        raise InputError(f"{what} are not finite", got=f"{n_bad} of {array.size // 3} vectors")


def places_in(geometry: VolumeGeometry, points: Array) -> Array:
    """Fractional indices (..., 3) as (x, y, z) of points, on the points' device."""
    return apply_affine(geometry.point_to_index, points)


def is_between(places: Array, low: float, high: Array) -> Array:
    """Whether all three indices lie from ``low`` on and below ``high`` (3)."""
    return ((places >= low) & (places < xp_of(places).asarray(high))).all(axis=-1)


def interpolate(array: Array, places: Array, order: int) -> Array:
    """Vectors (..., 3) at indices (..., 3); the edge goes on. Order 1 is linear, order 3 takes spline coefficients."""
    xp, ndimage = xp_of(places), ndimage_of(places)
    coordinates = xp.nan_to_num(places.reshape(-1, 3)[:, ::-1].T)  # SciPy looks up what is not a number anywhere
    on_device = xp.asarray(array)
    components = [
        ndimage.map_coordinates(
            on_device[..., axis], coordinates, output=np.float64, order=order, mode="nearest", prefilter=False
        )
        for axis in range(3)
    ]
    return xp.stack(components, axis=-1).reshape(places.shape)
