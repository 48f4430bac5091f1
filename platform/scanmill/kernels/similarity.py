"""How alike two images are, and how that changes with the map between them, sample by sample of the fixed image.

A sample is a point (x, y, z) in mm of the fixed image; ``points`` (3, n) hold them about some centre. The map is
``matrix`` (3, 4), which takes (x, y, z, 1) to an index in the moving image. `look` writes into ``seen`` (4, n) the
moving image's value and its slopes along its own indices. A value below zero says that the sample does not count: it
lies more than half a voxel beyond the outermost centres, or beside a voxel that is not a number. Images are brought
above zero before.

From there on two families: `joint` and `table_scores` for histograms (a cubic Parzen window along the moving values,
Thévenaz & Unser, IEEE TIP 9:2083, 2000), `moments` and `line_scores` for squared differences and correlation. A score
is the change of similarity with the sample's moving value; `pull` sums scores into the slope along the matrix's twelve
numbers, whatever the model of the map, and `information` sums their squares for Gauss-Newton.

An owner has ``run`` samples and its own row of every sum, so that nothing depends on the number of threads; the rows
are added by the caller in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange

N_MOMENTS = 6
"""Sums of 1, f, m, f f, m m, f m."""
N_PULL = 12
"""Slopes along the matrix, row by row."""
N_INFORMATION = 60
"""Six products of slopes (xx, xy, xz, yy, yz, zz), each with ten of points (xx, xy, xz, x, yy, yz, y, zz, z, 1)."""


@compiled
def place(matrix: Any, points: Any, s: int) -> tuple[Any, Any, Any]:
    """The index (x, y, z) in the moving image of a sample."""
    u, v, w = points[0, s], points[1, s], points[2, s]
    return (
        matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2] * w + matrix[0, 3],
        matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2] * w + matrix[1, 3],
        matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2] * w + matrix[2, 3],
    )


@compiled
def is_inside(image: Any, x: Any, y: Any, z: Any, half: Any) -> Any:
    """Whether a place is at most ``half`` a voxel beyond the outermost centres; not if it is not a number."""
    nz, ny, nx = image.shape
    real = type(half)
    return (
        x >= -half and y >= -half and z >= -half and x + half < real(nx) and y + half < real(ny) and z + half < real(nz)
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
def look_between(image: Any, x: Any, y: Any, z: Any, one: Any) -> tuple[Any, Any, Any, Any]:
    """Value and slopes between the eight neighbours."""
    nz, ny, nx = image.shape
    i, f = cell(x, one)
    j, g = cell(y, one)
    k, h = cell(z, one)
    i0, i1 = kept(i, nx), kept(i + 1, nx)
    j0, j1 = kept(j, ny), kept(j + 1, ny)
    k0, k1 = kept(k, nz), kept(k + 1, nz)
    a, da = image[k0, j0, i0], image[k0, j0, i1] - image[k0, j0, i0]
    b, db = image[k0, j1, i0], image[k0, j1, i1] - image[k0, j1, i0]
    c, dc = image[k1, j0, i0], image[k1, j0, i1] - image[k1, j0, i0]
    d, dd = image[k1, j1, i0], image[k1, j1, i1] - image[k1, j1, i0]
    a, b, c, d = a + f * da, b + f * db, c + f * dc, d + f * dd
    low, high = a + g * (b - a), c + g * (d - c)
    along_x = (da + g * (db - da)) * (one - h) + (dc + g * (dd - dc)) * h
    along_y = (b - a) * (one - h) + (d - c) * h
    return low + h * (high - low), along_x, along_y, high - low


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
def quadratic_weights(f: Any, one: Any) -> tuple[Any, Any, Any]:
    """The slopes of cubic B-splines are three quadratic ones times the differences of their coefficients."""
    half = type(one)(0.5)
    g = one - f
    return g * g * half, half + f * g, f * f * half


@compiled
def samples_of(owner: int, run: int, n: int) -> tuple[int, int]:
    """The first sample and the end of an owner's run."""
    first = owner * run
    return first, min(first + run, n)


@compiled
def look(owner: int, points: Any, matrix: Any, image: Any, run: int, seen: Any) -> None:
    """The moving image by linear interpolation."""
    one = matrix.dtype.type(1)
    zero, half = one - one, matrix.dtype.type(0.5)
    first, end = samples_of(owner, run, points.shape[1])
    for s in range(first, end):
        seen[0, s], seen[1, s], seen[2, s], seen[3, s] = -one, zero, zero, zero
        x, y, z = place(matrix, points, s)
        if is_inside(image, x, y, z, half):
            value, along_x, along_y, along_z = look_between(image, x, y, z, one)
            if value >= zero:
                seen[0, s], seen[1, s], seen[2, s], seen[3, s] = value, along_x, along_y, along_z


@driver
def _looks(n: int, points: Any, matrix: Any, image: Any, run: int, seen: Any) -> None:
    for owner in prange(n):
        look(owner, points, matrix, image, run, seen)


@compiled
def joint(owner: int, bins: Any, seen: Any, run: int, counts: Any) -> None:
    """The joint histogram ``counts[owner]`` (fixed bin, moving bin + 1); a moving value is counted in four bins."""
    mine = counts[owner]
    one = seen.dtype.type(1)
    top = mine.shape[1] - 4
    first, end = samples_of(owner, run, bins.shape[0])
    for s in range(first, end):
        if seen[0, s] >= one - one:
            low = min(np.int32(seen[0, s]), top)
            a, b, c, d = cubic_weights(min(seen[0, s] - type(one)(low), one), one)
            row = mine[bins[s]]
            row[low] += a
            row[low + 1] += b
            row[low + 2] += c
            row[low + 3] += d


@driver
def _joints(n: int, bins: Any, seen: Any, run: int, counts: Any) -> None:
    for owner in prange(n):
        joint(owner, bins, seen, run, counts)


@compiled
def table_scores(owner: int, bins: Any, seen: Any, steps: Any, run: int, scores: Any) -> None:
    """What a sample gains with its moving value: ``steps`` (fixed bin, moving bin) are the differences of gains."""
    one = seen.dtype.type(1)
    top = steps.shape[1] - 3
    first, end = samples_of(owner, run, bins.shape[0])
    for s in range(first, end):
        low = min(max(np.int32(seen[0, s]), 0), top)
        a, b, c = quadratic_weights(min(seen[0, s] - type(one)(low), one), one)
        row = steps[bins[s]]
        gain = row[low] * a + row[low + 1] * b + row[low + 2] * c
        scores[s] = gain if seen[0, s] >= one - one else one - one


@driver
def _table_scores(n: int, bins: Any, seen: Any, steps: Any, run: int, scores: Any) -> None:
    for owner in prange(n):
        table_scores(owner, bins, seen, steps, run, scores)


@compiled
def moments(owner: int, values: Any, seen: Any, run: int, sums: Any) -> None:
    """``sums[owner]``: of 1, f, m, f f, m m and f m over the samples inside."""
    one = seen.dtype.type(1)
    zero = one - one
    n, f, m, ff, mm, fm = zero, zero, zero, zero, zero, zero
    first, end = samples_of(owner, run, values.shape[0])
    for s in range(first, end):
        weight = one if seen[0, s] >= zero else zero
        a, b = values[s] * weight, seen[0, s] * weight
        n += weight
        f += a
        m += b
        ff += a * a
        mm += b * b
        fm += a * b
    sums[owner, 0], sums[owner, 1], sums[owner, 2] = n, f, m
    sums[owner, 3], sums[owner, 4], sums[owner, 5] = ff, mm, fm


@driver
def _moments(n: int, values: Any, seen: Any, run: int, sums: Any) -> None:
    for owner in prange(n):
        moments(owner, values, seen, run, sums)


@compiled
def line_scores(owner: int, values: Any, seen: Any, line: Any, run: int, scores: Any) -> None:
    """What a sample gains with its moving value m, where that is line[0] + line[1] f + line[2] m."""
    zero = seen.dtype.type(0)
    first, end = samples_of(owner, run, values.shape[0])
    for s in range(first, end):
        gain = line[0] + line[1] * values[s] + line[2] * seen[0, s]
        scores[s] = gain if seen[0, s] >= zero else zero


@driver
def _line_scores(n: int, values: Any, seen: Any, line: Any, run: int, scores: Any) -> None:
    for owner in prange(n):
        line_scores(owner, values, seen, line, run, scores)


@compiled
def pull(owner: int, points: Any, seen: Any, scores: Any, run: int, sums: Any) -> None:
    """``sums[owner]`` (12): scores times the slope along an axis of the moving image times (x, y, z, 1)."""
    zero = seen.dtype.type(0)
    first, end = samples_of(owner, run, points.shape[1])
    for axis in range(3):
        x, y, z, one = zero, zero, zero, zero
        for s in range(first, end):
            force = scores[s] * seen[1 + axis, s]
            x += force * points[0, s]
            y += force * points[1, s]
            z += force * points[2, s]
            one += force
        sums[owner, 4 * axis], sums[owner, 4 * axis + 1] = x, y
        sums[owner, 4 * axis + 2], sums[owner, 4 * axis + 3] = z, one


@driver
def _pulls(n: int, points: Any, seen: Any, scores: Any, run: int, sums: Any) -> None:
    for owner in prange(n):
        pull(owner, points, seen, scores, run, sums)


@compiled
def information(owner: int, points: Any, seen: Any, weights: Any, run: int, sums: Any) -> None:
    """``sums[owner]`` (60): weights times products of two slopes times products of two of (x, y, z, 1)."""
    zero = seen.dtype.type(0)
    first, end = samples_of(owner, run, points.shape[1])
    pair = 0
    for a in range(3):
        for b in range(a, 3):
            xx, xy, xz, x, yy, yz, y, zz, z, one = zero, zero, zero, zero, zero, zero, zero, zero, zero, zero
            for s in range(first, end):
                w = weights[s] * seen[1 + a, s] * seen[1 + b, s]
                u, v, t = points[0, s], points[1, s], points[2, s]
                wu, wv, wt = w * u, w * v, w * t
                xx += wu * u
                xy += wu * v
                xz += wu * t
                x += wu
                yy += wv * v
                yz += wv * t
                y += wv
                zz += wt * t
                z += wt
                one += w
            mine = sums[owner, 10 * pair : 10 * pair + 10]
            mine[0], mine[1], mine[2], mine[3], mine[4] = xx, xy, xz, x, yy
            mine[5], mine[6], mine[7], mine[8], mine[9] = yz, y, zz, z, one
            pair += 1


@driver
def _informations(n: int, points: Any, seen: Any, weights: Any, run: int, sums: Any) -> None:
    for owner in prange(n):
        information(owner, points, seen, weights, run, sums)


LOOK = Kernel("similarity.look", look, _looks)
JOINT = Kernel("similarity.joint", joint, _joints)
TABLE_SCORES = Kernel("similarity.table_scores", table_scores, _table_scores)
MOMENTS = Kernel("similarity.moments", moments, _moments)
LINE_SCORES = Kernel("similarity.line_scores", line_scores, _line_scores)
PULL = Kernel("similarity.pull", pull, _pulls)
INFORMATION = Kernel("similarity.information", information, _informations)
