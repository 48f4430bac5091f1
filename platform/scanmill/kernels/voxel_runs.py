"""Voxel-driven backprojection for a CPU: runs of voxels along x in a slice, or along z above a pixel of the slice.

For detectors that stand upright on the slices: the column of a voxel's shadow and its distance D do not depend on z,
and its row grows along z in equal steps. ``maps`` is as in `scanmill.kernels.voxels`, with m2 = m10 = 0. Where a run
falls is computed first, for the whole run (``places``, ``parts``: the index below and the fraction above it), since
this vectorises; the look-up follows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange

PAD = 2
"""Zeros before and after each row or column of the detector."""
TILE = 8
"""How many pixels of a slice, along x and along y, are backprojected together: they share detector columns."""


@compiled
def angle(across: Any, depth: Any, maps: Any) -> Any:
    """atan2(across, depth) for depth > 0 to 1e-9 rad, by a minimax polynomial, which vectorises."""
    real = maps.dtype.type
    size = abs(across)
    q = min(size, depth) / max(size, depth)
    s = q * q
    p = real(0.00956733629134) + s * real(-0.00150930233637)
    p = real(0.0550280923432) + s * (real(-0.0284907681337) + s * p)
    p = real(0.108780097068) + s * (real(-0.0821376113209) + s * p)
    p = real(0.199964368068) + s * (real(-0.142472226271) + s * p)
    p = q * (real(0.99999998056) + s * (real(-0.333331803766) + s * p))
    p = p if size <= depth else real(math.pi / 2) - p
    return p if across >= real(0) else -p


@compiled
def place(across: Any, depth: Any, curved: int, maps: Any) -> tuple[Any, Any]:
    """The shadow's place on the detector, across / depth or the angle, and 1 / D."""
    real = maps.dtype.type
    if curved == 0:
        inverse = real(1) / depth
        return across * inverse, inverse
    return angle(across, depth, maps), real(1) / math.sqrt(across * across + depth * depth)


@compiled
def place_row(maps: Any, view: int, y: Any, end: Any, curved: int, places: Any, parts: Any, inverses: Any) -> None:
    """Where the voxels of a row fall in a view: ``places``, ``parts`` and 1 / D, each (x)."""
    real = maps.dtype.type
    zero, middle = real(0), real(parts.shape[0] - 1) * real(0.5)
    across, across_step = maps[1, view] * y + maps[3, view], maps[0, view]
    depth, depth_step = maps[9, view] * y + maps[11, view], maps[8, view]
    start, step = maps[12, view] + real(PAD), maps[13, view]
    for i in range(parts.shape[0]):
        x = real(i) - middle
        u, inverse = place(across + across_step * x, depth + depth_step * x, curved, maps)
        u = min(max(start + step * u, zero), end)
        places[i] = np.int32(u)
        parts[i] = u - real(np.int32(u))
        inverses[i] = inverse


@compiled
def place_run(v0: Any, dv: Any, end: Any, places: Any, parts: Any) -> None:
    """Where v0, v0 + dv, ... fall, held within 0 ... end."""
    real = parts.dtype.type
    for k in range(parts.shape[0]):
        v = min(max(v0 + real(k) * dv, real(0)), end)
        places[k] = np.int32(v)
        parts[k] = v - real(np.int32(v))


@compiled
def add_run(line: Any, places: Any, parts: Any, run: Any) -> None:
    """Add the interpolated ``line`` to ``run``."""
    for k in range(run.shape[0]):
        i = np.uint32(places[k])
        low = line[i]
        run[k] += low + parts[k] * (line[i + np.uint32(1)] - low)


@compiled
def add_weighted_run(line: Any, places: Any, parts: Any, inverses: Any, run: Any) -> None:
    """Add the interpolated ``line`` to ``run``, over D²."""
    for k in range(run.shape[0]):
        i = np.uint32(places[k])
        low = line[i]
        run[k] += (low + parts[k] * (line[i + np.uint32(1)] - low)) * (inverses[k] * inverses[k])


@compiled
def backproject_row(
    j: int, sinograms: Any, maps: Any, curved: int, weighted: int, places: Any, parts: Any, inverses: Any, out: Any
) -> None:
    """Row j of every slice of ``out`` (z, y, x), which holds zeros, from ``sinograms`` (z, view, column + 4).

    ``places`` (int32), ``parts`` and ``inverses`` are scratch (y, x).
    """
    real = maps.dtype.type
    nz, n_views, padded = sinograms.shape
    y, end = real(j) - real(out.shape[1] - 1) * real(0.5), real(padded - 2)
    for view in range(n_views):
        place_row(maps, view, y, end, curved, places[j], parts[j], inverses[j])
        for k in range(nz):
            if weighted:
                add_weighted_run(sinograms[k, view], places[j], parts[j], inverses[j], out[k, j])
            else:
                add_run(sinograms[k, view], places[j], parts[j], out[k, j])


@driver
def _backproject_rows(
    n: int, sinograms: Any, maps: Any, curved: int, weighted: int, places: Any, parts: Any, inverses: Any, out: Any
) -> None:
    for owner in prange(n):
        backproject_row(owner, sinograms, maps, curved, weighted, places, parts, inverses, out)


@compiled
def mix_columns(a: Any, b: Any, wa: Any, wb: Any, line: Any) -> None:
    """``line`` = wa a + wb b."""
    for r in range(line.shape[0]):
        line[r] = wa * a[r] + wb * b[r]


@compiled
def add_view(
    view: int,
    x: Any,
    y: Any,
    projections: Any,
    maps: Any,
    curved: int,
    weighted: int,
    line: Any,
    places: Any,
    parts: Any,
    run: Any,
) -> None:
    """Add one view to the ``run`` of voxels at (x, y)."""
    real = maps.dtype.type
    one = real(1)
    _, columns, rows = projections.shape
    across = maps[0, view] * x + maps[1, view] * y + maps[3, view]
    depth = maps[8, view] * x + maps[9, view] * y + maps[11, view]
    u, inverse = place(across, depth, curved, maps)
    u = min(max(maps[12, view] + maps[13, view] * u + real(PAD), real(0)), real(columns - 2))
    c = np.int32(u)
    f = u - real(c)
    size = inverse * inverse if weighted else one
    mix_columns(projections[view, c], projections[view, c + 1], (one - f) * size, f * size, line)
    dv = maps[6, view] * inverse
    middle = (maps[4, view] * x + maps[5, view] * y + maps[7, view]) * inverse + maps[14, view] + real(PAD)
    place_run(middle - dv * real(run.shape[0] - 1) * real(0.5), dv, real(rows - 2), places, parts)
    add_run(line, places, parts, run)


@compiled
def backproject_strip(
    owner: int,
    projections: Any,
    maps: Any,
    curved: int,
    weighted: int,
    lines: Any,
    places: Any,
    parts: Any,
    runs: Any,
    out: Any,
) -> None:
    """Rows ``owner`` * TILE ... of every slice of ``out`` (z, y, x), from ``projections`` (view, column + 4, row + 4).

    Scratch: ``lines`` (strip, row + 4), ``places`` (int32) and ``parts`` (strip, z), ``runs`` (strip, TILE, TILE, z).
    """
    real = maps.dtype.type
    half = real(0.5)
    nz, ny, nx = out.shape
    j0, j1 = owner * TILE, min(owner * TILE + TILE, ny)
    for i0 in range(0, nx, TILE):
        i1 = min(i0 + TILE, nx)
        runs[owner] = real(0)
        for view in range(projections.shape[0]):
            for j in range(j0, j1):
                y = real(j) - real(ny - 1) * half
                for i in range(i0, i1):
                    x, run = real(i) - real(nx - 1) * half, runs[owner, j - j0, i - i0]
                    line, place, part = lines[owner], places[owner], parts[owner]
                    add_view(view, x, y, projections, maps, curved, weighted, line, place, part, run)
        for k in range(nz):
            for j in range(j0, j1):
                for i in range(i0, i1):
                    out[k, j, i] = runs[owner, j - j0, i - i0, k]


@driver
def _backproject_strips(
    n: int,
    projections: Any,
    maps: Any,
    curved: int,
    weighted: int,
    lines: Any,
    places: Any,
    parts: Any,
    runs: Any,
    out: Any,
) -> None:
    for owner in prange(n):
        backproject_strip(owner, projections, maps, curved, weighted, lines, places, parts, runs, out)


ROWS = Kernel("voxel_runs.rows", backproject_row, _backproject_rows)
COLUMNS = Kernel("voxel_runs.columns", backproject_strip, _backproject_strips)
