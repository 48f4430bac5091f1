"""Line integrals by whole detector columns, for detectors whose rows are stacked along the slices (Joseph's method).

All rays of a detector column share their path in x and y, so one weight serves a run of voxels along z:

- flat (parallel and fan stacks): row r sees slice r only;
- cone: row v meets plane p of the driving axis at z = zc + (p - middle) zg + v (dc + (p - middle) dg), where the
  forward kernel interpolates, and its adjoint resamples the column to z with the same hat weights.

The adjoint is owned by planes: a thread owns one plane of the driving axis and adds all rays to it in a fixed
order, so nothing is shared and nothing is atomic.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange

C, G, PATH, ZC, ZG, DC, DG = range(7)
"""The tables (7, view, column): position and slope across, squared path in the plane (mm²), and z as above."""


@compiled
def path_length(tables: Any, view: int, column: int, row: Any, dz_mm: Any) -> Any:
    """The path in mm between two planes of the driving axis."""
    rise = (tables[4, view, column] + row * tables[6, view, column]) * dz_mm
    return math.sqrt(tables[2, view, column] + rise * rise)


@compiled
def mix_rows(a: Any, b: Any, w: Any, run: Any) -> None:
    """``run`` = the interpolation of two runs along z; loops that begin at 0 are the ones that vectorise."""
    w0 = run.dtype.type(1) - w
    for k in range(run.shape[0]):
        run[k] = w0 * a[k] + w * b[k]


@compiled
def add_mixed(a: Any, b: Any, w: Any, column: Any, n: int) -> None:
    """Add the interpolation of two runs to a detector column whose rows are the slices."""
    w0 = column.dtype.type(1) - w
    for k in range(n):
        column[k] += w0 * a[k] + w * b[k]


@compiled
def rows_between(z0: Any, dz: Any, top: Any, column: Any) -> Any:
    """The first and the last row v of a detector column with z0 + v dz from 0 to ``top``."""
    real = column.dtype.type
    zero, rows = real(0), real(column.shape[0])
    first = np.int32(min(max(math.ceil(-z0 / dz), zero), rows))
    return first, np.int32(min(max(math.floor((top - z0) / dz), real(-1)), rows - real(1)))


@compiled
def sample_run(run: Any, column: Any, z0: Any, dz: Any, first: int, last: int) -> None:
    """Add ``run`` at z = z0 + v dz to the rows v; ``run`` has one zero before and two after its voxels."""
    real = run.dtype.type
    for v in range(first, last + 1):
        z = z0 + real(v) * dz
        k = np.int32(z)
        f = z - real(k)
        below = run[k]
        column[v] += below + (run[k + 1] - below) * f


@compiled
def add_crossed(a: Any, b: Any, w: Any, run: Any, column: Any, z0: Any, dz: Any) -> None:
    """Add two runs, interpolated, to the rows that cross them; only the voxels between those rows are looked at."""
    real, n = run.dtype.type, a.shape[0]
    first, last = rows_between(z0, dz, real(n + 1), column)
    if first <= last:
        low, high = max(int(z0 + real(first) * dz) - 2, 0), min(int(z0 + real(last) * dz) + 2, n)
        mix_rows(a[low:high], b[low:high], w, run[low + 1 : high + 1])
        sample_run(run, column, z0, dz, first, last)


@compiled
def project_column(view: int, u: int, volume: Any, tables: Any, cone: int, run: Any, column: Any) -> None:
    """Add all planes of the driving axis to one detector column; ``volume`` is (driving, across + 2, z)."""
    real = volume.dtype.type
    zero, one = real(0), real(1)
    n_planes, padded, nz = volume.shape
    end = real(padded - 1)
    middle = real(n_planes - 1) * real(0.5)
    for p in range(n_planes):
        d = real(p) - middle
        across = tables[0, view, u] + one + d * tables[1, view, u]
        if across > zero and across < end:
            j = np.int32(across)
            w = across - real(j)
            if cone == 0:
                add_mixed(volume[p, j], volume[p, j + 1], w, column, nz)
            else:
                z0, dz = tables[3, view, u] + d * tables[4, view, u], tables[5, view, u] + d * tables[6, view, u]
                add_crossed(volume[p, j], volume[p, j + 1], w, run, column, z0 + one, dz)


@compiled
def project_view(
    view: int,
    along_x: Any,
    along_y: Any,
    drive: Any,
    tables: Any,
    cone: int,
    dz_mm: Any,
    runs: Any,
    work: Any,
    out: Any,
) -> None:
    """One view of ``out`` (view, row, column).

    ``along_x`` is (x, y + 2, z), ``along_y`` (y, x + 2, z), padded by one zero on either side; ``runs``
    (view, z + 3) holds zeros, ``work`` is (view, column, row).
    """
    real = work.dtype.type
    _, n_rows, n_columns = out.shape
    for u in range(n_columns):
        column = work[view, u]
        for v in range(n_rows):
            column[v] = real(0)
        volume = along_x if drive[view, u] == 0 else along_y
        project_column(view, u, volume, tables, cone, runs[view], column)
        for v in range(n_rows):
            column[v] *= path_length(tables, view, u, real(v), dz_mm)
    for v in range(n_rows):
        for u in range(n_columns):
            out[view, v, u] = work[view, u, v]


@driver
def _project_views(
    n: int, along_x: Any, along_y: Any, drive: Any, tables: Any, cone: int, dz_mm: Any, runs: Any, work: Any, out: Any
) -> None:
    for view in prange(n):
        project_view(view, along_x, along_y, drive, tables, cone, dz_mm, runs, work, out)


@compiled
def scale_view(view: int, projections: Any, tables: Any, dz_mm: Any, pad: int, out: Any) -> None:
    """``out`` (view, column, pad + row + pad) = projections (view, row, column) times the path."""
    real = out.dtype.type
    _, n_rows, n_columns = projections.shape
    for start in range(0, n_rows, 16):
        for u in range(n_columns):
            for v in range(start, min(start + 16, n_rows)):
                length = path_length(tables, view, u, real(v), dz_mm)
                out[view, u, v + pad] = projections[view, v, u] * length


@driver
def _scale_views(n: int, projections: Any, tables: Any, dz_mm: Any, pad: int, out: Any) -> None:
    for view in prange(n):
        scale_view(view, projections, tables, dz_mm, pad, out)


@compiled
def hat_3(column: Any, run: Any, first: int, last: int, x0: Any, step: Any, dz: Any) -> None:
    """Resample for 2/3 <= dz <= 1, where three rows lie under a hat and two signs are known."""
    real = run.dtype.type
    zero, one, two = real(0), real(1), real(2)
    for k in range(first, last):
        x = x0 + real(k) * step
        v = np.int32(x) + np.int32(1)
        e = (real(v) - x) * dz
        middle = column[v + 1] * (one - abs(one - e - dz))
        run[k] = column[v] * e + middle + column[v + 2] * max(two - e - dz - dz, zero)


@compiled
def hat_4(column: Any, run: Any, first: int, last: int, x0: Any, step: Any, dz: Any) -> None:
    """Resample for dz >= 1/2, where at most four rows lie under a hat."""
    real = run.dtype.type
    zero, one = real(0), real(1)
    for k in range(first, last):
        x = x0 + real(k) * step
        v = np.int32(x) + np.int32(1)
        q = one - (real(v) - x) * dz
        low = column[v] * max(one - abs(q), zero) + column[v + 1] * max(one - abs(q - dz), zero)
        q -= dz + dz
        run[k] = low + column[v + 2] * max(one - abs(q), zero) + column[v + 3] * max(one - abs(q - dz), zero)


@compiled
def hat_any(column: Any, run: Any, first: int, last: int, x0: Any, step: Any, dz: Any, taps: int) -> None:
    """Resample for any dz > 0: row after row under the hats."""
    real = run.dtype.type
    zero, one = real(0), real(1)
    for k in range(first, last):
        run[k] = zero
    for tap in range(1, taps + 1):
        for k in range(first, last):
            x = x0 + real(k) * step
            v = np.int32(x) + np.int32(tap)
            run[k] += column[v] * max(one - abs(one - (real(v) - x) * dz), zero)


@compiled
def resample(column: Any, run: Any, n: int, pad: int, z0: Any, dz: Any) -> Any:
    """``run[k]`` = the sum over rows v of column[pad + v] hat(z0 + v dz - k); ``column`` is padded by zeros.

    Returns the first k and the one after the last; the others, where the sum is zero, are not written.
    """
    real = run.dtype.type
    step = real(1) / dz
    x0 = real(pad) - (z0 + real(1)) * step
    slices, zero = real(n), real(0)
    taps = np.int32(math.ceil(step + step))
    beyond = (real(column.shape[0] - max(taps, 4) - 1) - x0) * dz
    first = np.int32(min(max(math.ceil(-x0 * dz), zero), slices))
    last = np.int32(min(max(math.floor(beyond), real(-1)), slices - real(1))) + 1
    if dz >= real(0.66667) and dz <= real(1):
        hat_3(column, run, first, last, x0, step, dz)
    elif dz >= real(0.50001):
        hat_4(column, run, first, last, x0, step, dz)
    else:
        hat_any(column, run, first, last, x0, step, dz, taps)
    return first, last


@compiled
def spread(a: Any, b: Any, run: Any, w: Any) -> None:
    """Add a run to its two neighbouring rows of voxels, as long as it is."""
    w0 = run.dtype.type(1) - w
    for k in range(run.shape[0]):
        a[k] += w0 * run[k]
        b[k] += w * run[k]


@compiled
def backproject_plane(
    p: int, columns: Any, axis: int, drive: Any, tables: Any, cone: int, pad: int, runs: Any, out: Any
) -> None:
    """One plane of ``out`` (driving, across + 2, z): everything that rays driven by ``axis`` put there.

    ``columns`` is (view, column, pad + row + pad); ``runs`` (driving, z) is scratch.
    """
    real = out.dtype.type
    zero, one = real(0), real(1)
    n_planes, padded, nz = out.shape
    end = real(padded - 1)
    plane = out[p]
    for i in range(padded):
        for k in range(nz):
            plane[i, k] = zero
    d = real(p) - real(n_planes - 1) * real(0.5)
    n_views, n_columns = drive.shape
    for view in range(n_views):
        for u in range(n_columns):
            if drive[view, u] == axis:
                across = tables[0, view, u] + one + d * tables[1, view, u]
                if across > zero and across < end:
                    j = np.int32(across)
                    w = across - real(j)
                    if cone == 0:
                        spread(plane[j], plane[j + 1], columns[view, u], w)
                    else:
                        z0 = tables[3, view, u] + d * tables[4, view, u]
                        dz = tables[5, view, u] + d * tables[6, view, u]
                        first, last = resample(columns[view, u], runs[p], nz, pad, z0, dz)
                        spread(plane[j, first:last], plane[j + 1, first:last], runs[p, first:last], w)


@driver
def _backproject_planes(
    n: int, columns: Any, axis: int, drive: Any, tables: Any, cone: int, pad: int, runs: Any, out: Any
) -> None:
    for p in prange(n):
        backproject_plane(p, columns, axis, drive, tables, cone, pad, runs, out)


@compiled
def merge_row(j: int, x_planes: Any, y_planes: Any, out: Any) -> None:
    """``out[:, j, :]`` (z, y, x) = the sum of both passes, (x, y + 2, z) and (y, x + 2, z)."""
    nz, _, nx = out.shape
    for start in range(0, nz, 16):
        for i in range(nx):
            for k in range(start, min(start + 16, nz)):
                out[k, j, i] = x_planes[i, j + 1, k] + y_planes[j, i + 1, k]


@driver
def _merge_rows(n: int, x_planes: Any, y_planes: Any, out: Any) -> None:
    for j in prange(n):
        merge_row(j, x_planes, y_planes, out)


PROJECT = Kernel("columns.project", project_view, _project_views)
SCALE = Kernel("columns.scale", scale_view, _scale_views)
BACKPROJECT = Kernel("columns.backproject", backproject_plane, _backproject_planes)
MERGE = Kernel("columns.merge", merge_row, _merge_rows)
