"""Fields of displacements at work: an image seen through one, one after another, on a finer grid, and their folds.

A field (3, z, y, x) holds (x, y, z) in voxels of its own grid, each component in one piece, so that what runs along x
is vectorised. Beyond the outermost centres of a field its edge goes on. An owner computes ``run`` voxels along x: a
whole row on a CPU, one voxel on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def run_of(owner: int, run: int, shape: Any) -> tuple[int, int, int, int]:
    """The plane, the row, the first voxel and the end of an owner's run."""
    ny, nx = shape[-2], shape[-1]
    n_runs = (nx + run - 1) // run
    first, rest = owner % n_runs * run, owner // n_runs
    return rest // ny, rest % ny, first, min(first + run, nx)


@compiled
def cell(x: Any, n: int) -> tuple[Any, Any, Any]:
    """The two neighbours of an index that is brought back to the edge, and the weight of the second."""
    real = type(x)
    x = min(max(x, real(0)), real(n - 1))
    low = min(np.int32(x), np.int32(max(n - 2, 0)))
    return low, min(low + np.int32(1), np.int32(n - 1)), x - real(low)


@compiled
def between(image: Any, i0: int, i1: int, f: Any, j0: int, j1: int, g: Any, k0: int, k1: int, h: Any) -> Any:
    """The value between eight neighbours."""
    low, high = image[k0], image[k1]
    a = low[j0, i0] + f * (low[j0, i1] - low[j0, i0])
    b = low[j1, i0] + f * (low[j1, i1] - low[j1, i0])
    c = high[j0, i0] + f * (high[j0, i1] - high[j0, i0])
    d = high[j1, i0] + f * (high[j1, i1] - high[j1, i0])
    a, c = a + g * (b - a), c + g * (d - c)
    return a + h * (c - a)


@compiled
def warp(owner: int, image: Any, matrix: Any, field: Any, run: int, out: Any, inside: Any) -> None:
    """``image`` at ``matrix`` (3, 4) times (voxel + field): ``out``, and whether that lies ``inside``, 1 or 0.

    An image reaches half a voxel beyond its outermost centres; further out it is 0.
    """
    real = matrix.dtype.type
    nz, ny, nx = image.shape
    half = real(0.5)
    k, j, first, end = run_of(owner, run, out.shape)
    for i in range(first, end):
        u, v, w = real(i) + field[0, k, j, i], real(j) + field[1, k, j, i], real(k) + field[2, k, j, i]
        x = matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2] * w + matrix[0, 3]
        y = matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2] * w + matrix[1, 3]
        z = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2] * w + matrix[2, 3]
        within = x >= -half and y >= -half and z >= -half
        if within and x <= real(nx) - half and y <= real(ny) - half and z <= real(nz) - half:
            i0, i1, f = cell(x, nx)
            j0, j1, g = cell(y, ny)
            k0, k1, h = cell(z, nz)
            out[k, j, i] = between(image, i0, i1, f, j0, j1, g, k0, k1, h)
            inside[k, j, i] = real(1)
        else:
            out[k, j, i] = inside[k, j, i] = real(0)


@driver
def _warp(n: int, image: Any, matrix: Any, field: Any, run: int, out: Any, inside: Any) -> None:
    for owner in prange(n):
        warp(owner, image, matrix, field, run, out, inside)


@compiled
def compose(owner: int, field: Any, step: Any, scale: Any, run: int, out: Any) -> None:
    """First ``scale`` times the ``step``, then the ``field``: out(x) = s v(x) + u(x + s v(x))."""
    real = field.dtype.type
    _, nz, ny, nx = field.shape
    k, j, first, end = run_of(owner, run, out.shape)
    for i in range(first, end):
        x, y, z = scale * step[0, k, j, i], scale * step[1, k, j, i], scale * step[2, k, j, i]
        i0, i1, f = cell(real(i) + x, nx)
        j0, j1, g = cell(real(j) + y, ny)
        k0, k1, h = cell(real(k) + z, nz)
        out[0, k, j, i] = x + between(field[0], i0, i1, f, j0, j1, g, k0, k1, h)
        out[1, k, j, i] = y + between(field[1], i0, i1, f, j0, j1, g, k0, k1, h)
        out[2, k, j, i] = z + between(field[2], i0, i1, f, j0, j1, g, k0, k1, h)


@driver
def _compose(n: int, field: Any, step: Any, scale: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        compose(owner, field, step, scale, run, out)


@compiled
def refine(owner: int, field: Any, ratios: Any, run: int, out: Any) -> None:
    """A coarse ``field`` on a grid with the same first voxel and ``ratios`` (x, y, z) times as many voxels."""
    real = field.dtype.type
    _, nz, ny, nx = field.shape
    k, j, first, end = run_of(owner, run, out.shape)
    j0, j1, g = cell(real(j) / ratios[1], ny)
    k0, k1, h = cell(real(k) / ratios[2], nz)
    for i in range(first, end):
        i0, i1, f = cell(real(i) / ratios[0], nx)
        for c in range(3):
            out[c, k, j, i] = ratios[c] * between(field[c], i0, i1, f, j0, j1, g, k0, k1, h)


@driver
def _refine(n: int, field: Any, ratios: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        refine(owner, field, ratios, run, out)


@compiled
def slope(values: Any, at: int, n: int, before: Any, after: Any) -> Any:
    """The central difference of a run of n values from the neighbours of one; at the ends it has one side."""
    return (after - before) * (values.dtype.type(0.5) if 0 < at < n - 1 else values.dtype.type(1))


@compiled
def determinant(owner: int, field: Any, run: int, out: Any) -> None:
    """det(1 + du/dx) by central differences, one-sided at the edges: 0 and below is a fold."""
    one = field.dtype.type(1)
    _, nz, ny, nx = field.shape
    k, j, first, end = run_of(owner, run, out.shape)
    k0, k1, j0, j1 = max(k - 1, 0), min(k + 1, nz - 1), max(j - 1, 0), min(j + 1, ny - 1)
    for i in range(first, end):
        i0, i1 = max(i - 1, 0), min(i + 1, nx - 1)
        xx = one + slope(field, i, nx, field[0, k, j, i0], field[0, k, j, i1])
        yx = slope(field, i, nx, field[1, k, j, i0], field[1, k, j, i1])
        zx = slope(field, i, nx, field[2, k, j, i0], field[2, k, j, i1])
        xy = slope(field, j, ny, field[0, k, j0, i], field[0, k, j1, i])
        yy = one + slope(field, j, ny, field[1, k, j0, i], field[1, k, j1, i])
        zy = slope(field, j, ny, field[2, k, j0, i], field[2, k, j1, i])
        xz = slope(field, k, nz, field[0, k0, j, i], field[0, k1, j, i])
        yz = slope(field, k, nz, field[1, k0, j, i], field[1, k1, j, i])
        zz = one + slope(field, k, nz, field[2, k0, j, i], field[2, k1, j, i])
        out[k, j, i] = xx * (yy * zz - yz * zy) - xy * (yx * zz - yz * zx) + xz * (yx * zy - yy * zx)


@driver
def _determinant(n: int, field: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        determinant(owner, field, run, out)


WARP = Kernel("warping.warp", warp, _warp)
COMPOSE = Kernel("warping.compose", compose, _compose)
REFINE = Kernel("warping.refine", refine, _refine)
DETERMINANT = Kernel("warping.determinant", determinant, _determinant)
