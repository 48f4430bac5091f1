"""Line integrals within slices, and their exact adjoint for parallel rays (Joseph's method in two dimensions).

A ray crosses the planes of its driving axis (x or y, whichever it follows more closely) one by one, and takes from
each the linear interpolation of the two nearest voxels, times the path in mm between two planes:

    A f = L sum_p [(1 - w_p) f(p, j_p) + w_p f(p, j_p + 1)],   j_p + w_p = c + (p - middle) g

P. M. Joseph, IEEE Trans. Med. Imaging 1 (1982) 192-196, doi:10.1109/TMI.1982.4307572.
"""

from __future__ import annotations

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
        i = np.int32(min(max(u - tables[3, view] + shift, zero), end))
        off, height, slope = real(i) - u, tables[4, view], tables[5, view]
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


@compiled
def backproject_plane(owner: int, projections: Any, axis: int, drive: Any, tables: Any, out: Any) -> None:
    """One plane of ``out`` (driving, z, across + 2): what rays driven by ``axis`` put there; adjoint of `project_ray`.

    ``projections`` is (view, row, column), already times the path; ``drive`` and ``tables`` are as in `project_ray`.
    """
    real = out.dtype.type
    one, zero = real(1), real(0)
    n_planes, _, padded = out.shape
    p, k = owner % n_planes, owner // n_planes
    d = real(p) - real(n_planes - 1) * real(0.5)
    end = real(padded - 1)
    plane = out[p, k]
    for i in range(padded):
        plane[i] = zero
    for view in range(drive.shape[0]):
        for u in range(drive.shape[1]):
            across = tables[0, view, u] + one + d * tables[1, view, u]
            if drive[view, u] == axis and across > zero and across < end:
                j = np.int32(across)
                upper = projections[view, k, u] * (across - real(j))
                plane[j] += projections[view, k, u] - upper
                plane[j + 1] += upper


@driver
def _backproject_planes(n: int, projections: Any, axis: int, drive: Any, tables: Any, out: Any) -> None:
    for owner in prange(n):
        backproject_plane(owner, projections, axis, drive, tables, out)


PROJECT = Kernel("planar.project", project_ray, _project_rays)
BACKPROJECT = Kernel("planar.backproject", backproject_voxel, _backproject_voxels)
PLANES = Kernel("planar.planes", backproject_plane, _backproject_planes)
