"""Line integrals within slices, and their exact adjoint for parallel rays (Joseph's method in two dimensions).

A ray crosses the planes of its driving axis (x or y, whichever it follows more closely) one by one, and takes from
each the linear interpolation of the two nearest voxels, times the path in mm between two planes:

    A f = L sum_p [(1 - w_p) f(p, j_p) + w_p f(p, j_p + 1)],   j_p + w_p = c + (p - middle) g

P. M. Joseph, IEEE Trans. Med. Imaging 1 (1982) 192-196, doi:10.1109/TMI.1982.4307572.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange

VOLUME_PAD = 3
"""Rows of zeros that the forward kernel's copies have across the driving axis: one before, two after."""
COLUMN_PAD = 2
"""Zeros on either side of a detector row in the backprojector's copy."""


@compiled
def march(image: Any, c: Any, g: Any) -> Any:
    """The sum of interpolated values along a ray; ``image`` is (across + 3, driving), padded by one row and two."""
    real = image.dtype.type
    one, zero = real(1), real(0)
    n = image.shape[1]
    end = real(image.shape[0] - 2)
    middle = real(n - 1) * real(0.5)
    total = zero
    for p in range(n):
        across = min(max(c + one + (real(p) - middle) * g, zero), end)
        j = np.int32(across)
        w = across - real(j)
        total += image[j, p] * (one - w) + image[j + 1, p] * w
    return total


@compiled
def project_ray(owner: int, along_x: Any, along_y: Any, drive: Any, tables: Any, out: Any) -> None:
    """One element of ``out`` (view, row, column).

    ``along_x`` is (z, y + 3, x) and ``along_y`` (z, x + 3, y); ``drive`` (view, column) is 0 where x drives, and
    ``tables`` (3, view, column) are c, g and L.
    """
    n_views, n_columns = drive.shape
    column, rest = owner % n_columns, owner // n_columns
    view, row = rest % n_views, rest // n_views
    c, g = tables[0, view, column], tables[1, view, column]
    image = along_x[row] if drive[view, column] == 0 else along_y[row]
    out[view, row, column] = march(image, c, g) * tables[2, view, column]


@driver
def _project_rays(n: int, along_x: Any, along_y: Any, drive: Any, tables: Any, out: Any) -> None:
    for owner in prange(n):
        project_ray(owner, along_x, along_y, drive, tables, out)


@compiled
def two_taps(sinogram: Any, tables: Any, x: Any, y: Any, tap: int) -> Any:
    """The sum over all views of the taps ``tap`` and ``tap + 1`` above the left foot of the voxel's shadow."""
    real = sinogram.dtype.type
    one, zero, shift = real(1), real(0), real(1 + tap)
    end = real(sinogram.shape[1] - 2)
    total = zero
    for view in range(sinogram.shape[0]):
        u = tables[0, view] + tables[1, view] * x + tables[2, view] * y
        first = math.floor(u - tables[3, view]) + shift
        i = np.int32(min(max(first, zero), end))
        off, height, slope = first - u, tables[4, view], tables[5, view]
        w0 = max(height - slope * abs(off), zero)
        w1 = max(height - slope * abs(off + one), zero)
        total += sinogram[view, i] * w0 + sinogram[view, i + 1] * w1
    return total


@compiled
def backproject_voxel(owner: int, sinograms: Any, tables: Any, taps: int, out: Any) -> None:
    """One element of ``out`` (z, y, x): the adjoint of `project_ray` for parallel rays.

    ``sinograms`` is (z, view, column + 4), padded by two zeros on either side. ``tables`` (6, view): the voxel
    (x, y), counted from the middle, lies at column t0 + t1 x + t2 y + 2; its shadow has the half width t3, the
    height t4 = L and the slope t5 = L / t3. ``taps`` is the largest number of columns under a shadow.
    """
    real = sinograms.dtype.type
    _, ny, nx = out.shape
    i, rest = owner % nx, owner // nx
    j, k = rest % ny, rest // ny
    x = real(i) - real(nx - 1) * real(0.5)
    y = real(j) - real(ny - 1) * real(0.5)
    total = real(0)
    for pair in range((taps + 1) // 2):
        total += two_taps(sinograms[k], tables, x, y, 2 * pair)
    out[k, j, i] = total


@driver
def _backproject_voxels(n: int, sinograms: Any, tables: Any, taps: int, out: Any) -> None:
    for owner in prange(n):
        backproject_voxel(owner, sinograms, tables, taps, out)


PROJECT = Kernel("planar.project", project_ray, _project_rays)
BACKPROJECT = Kernel("planar.backproject", backproject_voxel, _backproject_voxels)
