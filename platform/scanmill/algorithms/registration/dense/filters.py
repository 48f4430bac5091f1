"""Gaussians of fields and of equations, one axis after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.arrays import Array, HostArray, is_device_array, xp_of
from scanmill.kernels import smoothing

REACH = 3.0
"""In standard deviations: so far the taps go."""
LEAST_SIGMA = 0.1
"""In voxels: a narrower Gaussian is left out."""


def gaussian(arrays: Array, sigmas: tuple[float, float, float], scratch: Array, *, edge: bool) -> Array:
    """``arrays`` (c, z, y, x) smoothed by ``sigmas`` (x, y, z) in voxels; both memories are used, one comes back.

    Beyond the edges there is nothing, or with ``edge`` the outermost voxel again. An axis with one voxel stays.
    """
    taps = [taps_of(sigma) if sigma > LEAST_SIGMA else None for sigma in sigmas]
    return filtered(arrays, taps, scratch, edge=edge)


def box(arrays: Array, half: int, scratch: Array) -> Array:
    """The mean over ``half`` voxels to every side; the edge goes on."""
    return filtered(arrays, [np.full(half + 1, 1 / (2 * half + 1))] * 3, scratch, edge=True)


def filtered(arrays: Array, taps: Sequence[HostArray | None], scratch: Array, *, edge: bool) -> Array:
    """``arrays`` (c, z, y, x) through half a symmetric filter for each of x, y and z, None leaves an axis as it is."""
    there, back = arrays, scratch
    for axis, half in zip((3, 2, 1), taps, strict=True):
        if half is not None and arrays.shape[axis] > 1:
            _filter(there, xp_of(arrays).asarray(half, arrays.dtype), axis, back, edge=edge)
            there, back = back, there
    return there


def taps_of(sigma: float) -> HostArray:
    """Half a Gaussian, the middle first, whose whole sums to 1."""
    half = np.exp(-0.5 * (np.arange(int(REACH * sigma + 0.5) + 1) / sigma) ** 2)
    return np.asarray(half / (2 * half.sum() - half[0]))


def _filter(values: Array, taps: Array, axis: int, out: Array, *, edge: bool) -> None:
    n, after = values.shape[axis], int(np.prod(values.shape[axis + 1 :]))
    lines = values.size // (n * after)
    if after == 1:
        smoothing.ALONG(lines, values.reshape(-1, n), taps, int(edge), out.reshape(-1, n))
        return
    run = 1 if is_device_array(values) else after
    seen = (lines, n, after)
    smoothing.ACROSS(lines * n * (after // run), values.reshape(seen), taps, int(edge), run, out.reshape(seen))
