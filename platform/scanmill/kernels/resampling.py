"""An image looked up at the places of another grid's voxels: linear, cubic B-spline, nearest, and label.

The voxel (x, y, z) of ``out`` lies in ``image`` at the index ``matrix`` (3, 4) times (x, y, z, 1), plus
``shifts`` (z, y, x, 3) where a transform is not linear; without, ``shifts`` has no plane. As in ITK, a voxel reaches
half a step beyond the outermost centres, where the edge goes on; further out, and where a place is not a number, is
``outside``. An owner computes ``run`` voxels along x: a whole row on a CPU (three times as fast as one voxel an owner),
one voxel on a GPU.

`row_of` and `gather_row` are the exact adjoint of the linear one: the voxels of ``out`` are sorted by the row of
``image`` that their lower corner falls into, and every row of ``image`` collects from the four that touch it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def place(matrix: Any, shifts: Any, i: int, j: int, k: int) -> tuple[Any, Any, Any]:
    """The index (x, y, z) in the image of the voxel (i, j, k)."""
    real = matrix.dtype.type
    u, v, w = real(i), real(j), real(k)
    x = matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2] * w + matrix[0, 3]
    y = matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2] * w + matrix[1, 3]
    z = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2] * w + matrix[2, 3]
    if shifts.shape[0] > 0:
        x, y, z = x + shifts[k, j, i, 0], y + shifts[k, j, i, 1], z + shifts[k, j, i, 2]
    return x, y, z


@compiled
def is_inside(image: Any, x: Any, y: Any, z: Any, half: Any) -> Any:
    """Whether a place is at most ``half`` a voxel beyond the outermost centres; not if it is not a number."""
    nz, ny, nx = image.shape
    low = -half
    return (
        x >= low
        and y >= low
        and z >= low
        and x + half < type(half)(nx)
        and y + half < type(half)(ny)
        and z + half < type(half)(nz)
    )


@compiled
def cell(x: Any, one: Any) -> tuple[Any, Any]:
    """The whole number below an index of -1 or more, and what is left."""
    low = np.int32(x + one) - np.int32(1)
    return low, x - type(one)(low)


@compiled
def kept(i: int, n: int) -> int:
    """An index brought back to the edge."""
    return min(max(i, 0), n - 1)


@compiled
def mirrored(i: int, n: int) -> int:
    """An index at most two beyond the edges, mirrored at the outermost centres."""
    i = abs(i)
    return 0 if n == 1 else abs(2 * n - 2 - i) if i >= n else i


@compiled
def linear_at(image: Any, x: Any, y: Any, z: Any, one: Any) -> Any:
    """Between the eight neighbours."""
    nz, ny, nx = image.shape
    i, f = cell(x, one)
    j, g = cell(y, one)
    k, h = cell(z, one)
    i0, i1 = kept(i, nx), kept(i + 1, nx)
    j0, j1 = kept(j, ny), kept(j + 1, ny)
    k0, k1 = kept(k, nz), kept(k + 1, nz)
    a = image[k0, j0, i0] * (one - f) + image[k0, j0, i1] * f
    b = image[k0, j1, i0] * (one - f) + image[k0, j1, i1] * f
    c = image[k1, j0, i0] * (one - f) + image[k1, j0, i1] * f
    d = image[k1, j1, i0] * (one - f) + image[k1, j1, i1] * f
    return (a * (one - g) + b * g) * (one - h) + (c * (one - g) + d * g) * h


@compiled
def cubic_weights(f: Any, one: Any) -> tuple[Any, Any, Any, Any]:
    """The four cubic B-splines that reach ``f`` beyond the second of four points."""
    real = type(one)
    g, sixth = one - f, one / real(6)
    return (
        g * g * g * sixth,
        real(2) / real(3) - f * f * (real(2) - f) * real(0.5),
        real(2) / real(3) - g * g * (real(2) - g) * real(0.5),
        f * f * f * sixth,
    )


@compiled
def cubic_at(coefficients: Any, x: Any, y: Any, z: Any, one: Any) -> Any:
    """The sum of 4 x 4 x 4 splines; their coefficients are mirrored at the edges."""
    nz, ny, nx = coefficients.shape
    i, f = cell(x, one)
    j, g = cell(y, one)
    k, h = cell(z, one)
    wx, wy, wz = cubic_weights(f, one), cubic_weights(g, one), cubic_weights(h, one)
    i0, i1, i2, i3 = mirrored(i - 1, nx), mirrored(i, nx), mirrored(i + 1, nx), mirrored(i + 2, nx)
    total = type(one)(0)
    for c in range(4):
        plane = coefficients[mirrored(k - 1 + c, nz)]
        for b in range(4):
            row = plane[mirrored(j - 1 + b, ny)]
            total += wz[c] * wy[b] * (row[i0] * wx[0] + row[i1] * wx[1] + row[i2] * wx[2] + row[i3] * wx[3])
    return total


@compiled
def label_at(labels: Any, x: Any, y: Any, z: Any, one: Any) -> Any:
    """The label with the largest share of the eight neighbours' linear weights; the lowest of equal ones."""
    nz, ny, nx = labels.shape
    i, f = cell(x, one)
    j, g = cell(y, one)
    k, h = cell(z, one)
    best, top = labels[kept(k, nz), kept(j, ny), kept(i, nx)], type(one)(-1)
    for a in range(8):
        mine = labels[kept(k + (a >> 2), nz), kept(j + ((a >> 1) & 1), ny), kept(i + (a & 1), nx)]
        share = type(one)(0)
        for b in range(8):
            other = labels[kept(k + (b >> 2), nz), kept(j + ((b >> 1) & 1), ny), kept(i + (b & 1), nx)]
            if other == mine:
                wz = h if b >> 2 else one - h
                wy = g if (b >> 1) & 1 else one - g
                wx = f if b & 1 else one - f
                share += wz * wy * wx
        if share > top or (share == top and mine < best):
            best, top = mine, share
    return best


@compiled
def run_of(owner: int, run: int, out: Any) -> tuple[int, int, int, int]:
    """The plane, the row, the first voxel and the end of an owner's run."""
    _, ny, nx = out.shape
    n_runs = (nx + run - 1) // run
    first, rest = owner % n_runs * run, owner // n_runs
    return rest // ny, rest % ny, first, min(first + run, nx)


@compiled
def linear(owner: int, image: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    """A run of ``out`` by linear interpolation."""
    real = matrix.dtype.type
    k, j, first, end = run_of(owner, run, out)
    for i in range(first, end):
        x, y, z = place(matrix, shifts, i, j, k)
        out[k, j, i] = linear_at(image, x, y, z, real(1)) if is_inside(image, x, y, z, real(0.5)) else outside


@driver
def _linear(n: int, image: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        linear(owner, image, matrix, shifts, outside, run, out)


@compiled
def cubic(owner: int, coefficients: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    """A run of ``out`` by cubic B-splines with these ``coefficients``."""
    real = matrix.dtype.type
    k, j, first, end = run_of(owner, run, out)
    for i in range(first, end):
        x, y, z = place(matrix, shifts, i, j, k)
        out[k, j, i] = (
            cubic_at(coefficients, x, y, z, real(1)) if is_inside(coefficients, x, y, z, real(0.5)) else outside
        )


@driver
def _cubic(n: int, coefficients: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        cubic(owner, coefficients, matrix, shifts, outside, run, out)


@compiled
def nearest(owner: int, image: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    """A run of ``out`` from the nearest neighbours; a half is rounded up, as in ITK."""
    half = matrix.dtype.type(0.5)
    k, j, first, end = run_of(owner, run, out)
    for i in range(first, end):
        x, y, z = place(matrix, shifts, i, j, k)
        if is_inside(image, x, y, z, half):
            out[k, j, i] = image[np.int32(z + half), np.int32(y + half), np.int32(x + half)]
        else:
            out[k, j, i] = outside


@driver
def _nearest(n: int, image: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        nearest(owner, image, matrix, shifts, outside, run, out)


@compiled
def label(owner: int, labels: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    """A run of ``out``: the labels that have most of the neighbourhoods."""
    real = matrix.dtype.type
    k, j, first, end = run_of(owner, run, out)
    for i in range(first, end):
        x, y, z = place(matrix, shifts, i, j, k)
        out[k, j, i] = label_at(labels, x, y, z, real(1)) if is_inside(labels, x, y, z, real(0.5)) else outside


@driver
def _label(n: int, labels: Any, matrix: Any, shifts: Any, outside: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        label(owner, labels, matrix, shifts, outside, run, out)


@compiled
def row_of(owner: int, image: Any, matrix: Any, shifts: Any, shape: Any, rows: Any) -> None:
    """The row z (ny + 1) + y of the lower corner, both counted from -1, of one voxel of a grid of ``shape`` (z, y, x).

    (nz + 1) (ny + 1) stands for outside.
    """
    nz, ny, _ = image.shape
    real = matrix.dtype.type
    i, rest = owner % shape[2], owner // shape[2]
    x, y, z = place(matrix, shifts, i, rest % shape[1], rest // shape[1])
    if is_inside(image, x, y, z, real(0.5)):
        j, _ = cell(y, real(1))
        k, _ = cell(z, real(1))
        rows[owner] = (np.int64(k) + 1) * (ny + 1) + np.int64(j) + 1
    else:
        rows[owner] = np.int64(nz + 1) * (ny + 1)


@driver
def _row_of(n: int, image: Any, matrix: Any, shifts: Any, shape: Any, rows: Any) -> None:
    for owner in prange(n):
        row_of(owner, image, matrix, shifts, shape, rows)


@compiled
def share_of(at: int, low: int, f: Any, n: int, one: Any) -> Any:
    """The weight of index ``at`` in a cell from ``low`` on; at an edge it may have both."""
    weight = one - f if kept(low, n) == at else one - one
    return weight + f if kept(low + 1, n) == at else weight


@compiled
def gather_row(owner: int, values: Any, matrix: Any, shifts: Any, order: Any, starts: Any, image: Any) -> None:
    """One row of ``image`` (z, y, x) from ``values`` (z, y, x) on the other grid.

    ``order`` are its voxels sorted by `row_of`, ``starts`` says where each row's begin.
    """
    nz, ny, nx = image.shape
    one = matrix.dtype.type(1)
    at_y, at_z = owner % ny, owner // ny
    row = image[at_z, at_y]
    for i in range(nx):
        row[i] = one - one
    for touching in range(4):
        low = (at_z + (touching >> 1)) * (ny + 1) + at_y + (touching & 1)
        for s in range(starts[low], starts[low + 1]):
            voxel = order[s]
            i, rest = voxel % values.shape[2], voxel // values.shape[2]
            j, k = rest % values.shape[1], rest // values.shape[1]
            x, y, z = place(matrix, shifts, i, j, k)
            a, f = cell(x, one)
            b, g = cell(y, one)
            c, h = cell(z, one)
            value = values[k, j, i] * share_of(at_z, c, h, nz, one) * share_of(at_y, b, g, ny, one)
            row[kept(a, nx)] += value * (one - f)
            row[kept(a + 1, nx)] += value * f


@driver
def _gather_rows(n: int, values: Any, matrix: Any, shifts: Any, order: Any, starts: Any, image: Any) -> None:
    for owner in prange(n):
        gather_row(owner, values, matrix, shifts, order, starts, image)


LINEAR = Kernel("resampling.linear", linear, _linear)
CUBIC = Kernel("resampling.cubic", cubic, _cubic)
NEAREST = Kernel("resampling.nearest", nearest, _nearest)
LABEL = Kernel("resampling.label", label, _label)
ROWS = Kernel("resampling.rows", row_of, _row_of)
GATHER = Kernel("resampling.gather", gather_row, _gather_rows)
