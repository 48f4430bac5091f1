"""Voxel-driven backprojection: each voxel looks up the detector where its shadow falls, by interpolation.

Fast and smooth, what filtered backprojection and FDK want, but not the adjoint of any projector here. ``maps``
(15, view) says where the voxel x falls (indices counted from the middle of the grid): with

    a = m0 x + m1 y + m2 z + m3        h = m4 x + m5 y + m6 z + m7        d = m8 x + m9 y + m10 z + m11

a flat detector sees it in column m12 + m13 a / d and row m14 + h / d, a cylindrical one in column
m12 + m13 atan2(a, d) and row m14 + h / √(a² + d²). The divisor is the distance D, which is 1 at the isocentre.
One voxel has one owner here, for any pose and for a GPU; `scanmill.kernels.voxel_runs` is the fast way of a CPU.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange

PAD = 2
"""Zeros around a detector, on either side."""


@compiled
def shadow(maps: Any, view: int, x: Any, y: Any, z: Any, curved: int) -> tuple[Any, Any, Any]:
    """The column and the row of a voxel's shadow, and 1 / D."""
    real = maps.dtype.type
    across = maps[0, view] * x + maps[1, view] * y + maps[2, view] * z + maps[3, view]
    height = maps[4, view] * x + maps[5, view] * y + maps[6, view] * z + maps[7, view]
    depth = maps[8, view] * x + maps[9, view] * y + maps[10, view] * z + maps[11, view]
    if curved == 0:
        inverse = real(1) / depth
        place = across * inverse
    else:
        inverse = real(1) / math.sqrt(across * across + depth * depth)
        place = math.atan2(across, depth)
    return maps[12, view] + maps[13, view] * place, maps[14, view] + height * inverse, inverse


@compiled
def look_up_row(sinogram: Any, maps: Any, x: Any, y: Any, curved: int, weighted: int) -> Any:
    """The sum over the views of ``sinogram`` (view, column + 4) at the shadow of (x, y), over D² if weighted."""
    real = sinogram.dtype.type
    zero, one = real(0), real(1)
    end = real(sinogram.shape[1] - 2)
    total = zero
    for view in range(sinogram.shape[0]):
        u, _, inverse = shadow(maps, view, x, y, zero, curved)
        u = min(max(u + real(PAD), zero), end)
        i = np.int32(u)
        f = u - real(i)
        value = sinogram[view, i] * (one - f) + sinogram[view, i + 1] * f
        total += value * inverse * inverse if weighted else value
    return total


@compiled
def backproject_in_slice(owner: int, sinograms: Any, maps: Any, curved: int, weighted: int, out: Any) -> None:
    """One element of ``out`` (z, y, x) from ``sinograms`` (z, view, column + 4)."""
    real = sinograms.dtype.type
    half = real(0.5)
    _, ny, nx = out.shape
    i, rest = owner % nx, owner // nx
    j, k = rest % ny, rest // ny
    x, y = real(i) - real(nx - 1) * half, real(j) - real(ny - 1) * half
    out[k, j, i] = look_up_row(sinograms[k], maps, x, y, curved, weighted)


@driver
def _backproject_in_slices(n: int, sinograms: Any, maps: Any, curved: int, weighted: int, out: Any) -> None:
    for owner in prange(n):
        backproject_in_slice(owner, sinograms, maps, curved, weighted, out)


@compiled
def look_up(projections: Any, maps: Any, x: Any, y: Any, z: Any, curved: int, weighted: int) -> Any:
    """The sum over the views of ``projections`` (view, row + 4, column + 4) at the shadow of (x, y, z)."""
    real = projections.dtype.type
    zero, one = real(0), real(1)
    end_u, end_v = real(projections.shape[2] - 2), real(projections.shape[1] - 2)
    total = zero
    for view in range(projections.shape[0]):
        u, v, inverse = shadow(maps, view, x, y, z, curved)
        u, v = min(max(u + real(PAD), zero), end_u), min(max(v + real(PAD), zero), end_v)
        i, j = np.int32(u), np.int32(v)
        f, g = u - real(i), v - real(j)
        low = projections[view, j, i] * (one - f) + projections[view, j, i + 1] * f
        high = projections[view, j + 1, i] * (one - f) + projections[view, j + 1, i + 1] * f
        value = low * (one - g) + high * g
        total += value * inverse * inverse if weighted else value
    return total


@compiled
def backproject_voxel(owner: int, projections: Any, maps: Any, curved: int, weighted: int, out: Any) -> None:
    """One element of ``out`` (z, y, x) from ``projections`` (view, row + 4, column + 4)."""
    real = projections.dtype.type
    half = real(0.5)
    nz, ny, nx = out.shape
    i, rest = owner % nx, owner // nx
    j, k = rest % ny, rest // ny
    x, y, z = real(i) - real(nx - 1) * half, real(j) - real(ny - 1) * half, real(k) - real(nz - 1) * half
    out[k, j, i] = look_up(projections, maps, x, y, z, curved, weighted)


@driver
def _backproject_voxels(n: int, projections: Any, maps: Any, curved: int, weighted: int, out: Any) -> None:
    for owner in prange(n):
        backproject_voxel(owner, projections, maps, curved, weighted, out)


IN_SLICES = Kernel("voxels.in_slices", backproject_in_slice, _backproject_in_slices)
BACKPROJECT = Kernel("voxels.backproject", backproject_voxel, _backproject_voxels)
