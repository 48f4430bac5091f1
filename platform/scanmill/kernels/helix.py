"""Helical weighted backprojection: rays rebinned from fans to parallels, then gathered by columns of voxels along z.

A rebinned ray is (theta, t): it runs along (-sin theta, cos theta) at the distance t from the axis; l counts along
it from the foot of the axis. Its source stood at (l_s, z_s), and row r of its detector rises by (r - q) / s mm a mm, so
that it meets the voxel (l, z) where r = q + s (z - z_s) / (l - l_s).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def rebin_ray(
    owner: int, y: Any, views: Any, view_weights: Any, pairs: Any, weights: Any, slopes: Any, out: Any
) -> None:
    """All rows of one element of ``out`` (theta, row, t), times the cosine of each ray's rise.

    ``y`` is (view, row, column). ``views`` (2, theta, sample) are the views before and after theta in which a sample
    (a column under one focal spot) is read, ``view_weights`` (theta, sample) the part of the later one. ``pairs``
    (2, theta, t) are the samples on both sides of t, ``weights`` (theta, t) the part of the second. ``slopes``
    (2, theta, t) are the rise of row 0 and the step from row to row, in mm a mm.
    """
    real = y.dtype.type
    one = real(1)
    n_t = out.shape[2]
    m, j = owner // n_t, owner % n_t
    a, b = pairs[0, m, j], pairs[1, m, j]
    a0, a1, b0, b1 = views[0, m, a], views[1, m, a], views[0, m, b], views[1, m, b]
    wa, wb, w = view_weights[m, a], view_weights[m, b], weights[m, j]
    ca, cb = a % y.shape[2], b % y.shape[2]
    for row in range(out.shape[1]):
        first = y[a0, row, ca] * (one - wa) + y[a1, row, ca] * wa
        second = y[b0, row, cb] * (one - wb) + y[b1, row, cb] * wb
        rise = slopes[0, m, j] + real(row) * slopes[1, m, j]
        out[m, row, j] = (first * (one - w) + second * w) / math.sqrt(one + rise * rise)


@driver
def _rebin_rays(n: int, y: Any, views: Any, view_weights: Any, pairs: Any, weights: Any, slopes: Any, out: Any) -> None:
    for owner in prange(n):
        rebin_ray(owner, y, views, view_weights, pairs, weights, slopes, out)


@compiled
def row_line(tables: Any, m: int, j: int, f: Any, along: Any) -> Any:
    """The row r = a + b z in which the ray between the t samples j and j + 1 meets (l = ``along``, z): (a, b)."""
    e = tables.dtype.type(1) - f
    z_s = tables[0, m, j] * e + tables[0, m, j + 1] * f
    l_s = tables[1, m, j] * e + tables[1, m, j + 1] * f
    s = tables[2, m, j] * e + tables[2, m, j + 1] * f
    q = tables[3, m, j] * e + tables[3, m, j + 1] * f
    b = s / (along - l_s)
    return q - z_s * b, b


@compiled
def add_view(q: Any, p: Any, f: Any, lines: Any, taper: Any, z: Any, num: Any, den: Any) -> None:
    """Add what one theta shows of a run of voxels at z[0] + k z[1]: weighted values to ``num``, weights to ``den``.

    ``q`` and ``p`` (2, row) are the samples on both sides of t under the first and the last focal spot, ``f`` the part
    of the second sample, ``lines`` their (a, b, a, b) of `row_line`. The rows of both spots interleave: the nearest row
    below the voxel and the nearest one above are interpolated, whichever spot they belong to; with one spot given
    twice this is linear interpolation. The weight of the middle row falls over the outer part ``taper`` to 0.
    """
    real = num.dtype.type
    zero, one, two, three, half = real(0), real(1), real(2), real(3), real(0.5)
    a0, b0, a1, b1 = lines
    a, b = (a0 + a1) * half, (b0 + b1) * half
    e, top = one - f, real(q.shape[1] - 1)
    reach = real(q.shape[1]) * half
    scale = one / (taper * reach)
    middle, width = ((top * half - a) / b - z[0]) / z[1], abs(reach / (b * z[1]))
    begin = np.int32(min(max(math.ceil(middle - width), zero), real(num.size)))
    end = np.int32(min(max(math.floor(middle + width) + one, zero), real(num.size)))
    for k in range(begin, end):
        height = z[0] + real(k) * z[1]
        inside = min(max((reach - abs(a + b * height - top * half)) * scale, zero), one)
        weight = inside * inside * (three - two * inside)
        r0, r1 = min(max(a0 + b0 * height, zero), top), min(max(a1 + b1 * height, zero), top)
        i0, i1 = np.int32(r0), np.int32(r1)
        f0, f1 = r0 - real(i0), r1 - real(i1)
        first_below = f0 <= f1
        w0 = one - f1 if first_below else f1
        w1 = f0 if first_below else one - f0
        last = q.shape[1] - 1
        i0 = i0 if first_below else min(i0 + 1, last)
        i1 = min(i1 + 1, last) if first_below else i1
        value = (q[0, i0] * e + q[1, i0] * f) * w0 + (p[0, i1] * e + p[1, i1] * f) * w1
        num[k] += weight * value / (w0 + w1)
        den[k] += weight


@compiled
def backproject_column(
    owner: int, filtered: Any, tables: Any, turn: Any, place: Any, sizes: Any, n_half: int, scratch: Any, out: Any
) -> None:
    """A column of voxels along z: ``out`` (2, column, z) has the sum over theta in [0, pi), and how many were unseen.

    Each theta's value is the weighted mean over all theta + k pi (Stierstorfer et al., Phys. Med. Biol. 49 (2004)
    2209). ``filtered`` is (spot, theta, t, row) with n_half steps of theta in pi, ``tables`` (spot, 4, theta, t) are
    z_s, l_s, s and q of each ray, ``turn`` (2, theta) is cos and sin theta, ``place`` (2, column) x and y in mm,
    ``sizes`` the first t, 1 / step of t, taper, first z and step of z, ``scratch`` (2, column, z).
    """
    real = out.dtype.type
    zero, one = real(0), real(1)
    total, unseen, num, den = out[0, owner], out[1, owner], scratch[0, owner], scratch[1, owner]
    x, y = place[0, owner], place[1, owner]
    last_spot, end = filtered.shape[0] - 1, real(filtered.shape[2] - 2)
    for k in range(total.size):
        total[k] = zero
        unseen[k] = zero
    for i in range(n_half):
        for k in range(total.size):
            num[k] = zero
            den[k] = zero
        for m in range(i, filtered.shape[1], n_half):
            at = (x * turn[0, m] + y * turn[1, m] - sizes[0]) * sizes[1]
            j = np.int32(min(max(at, zero), end))
            f = min(max(at - real(j), zero), one)
            along = y * turn[0, m] - x * turn[1, m]
            a0, b0 = row_line(tables[0], m, j, f, along)
            a1, b1 = row_line(tables[last_spot], m, j, f, along)
            q, p = filtered[0, m, j : j + 2], filtered[last_spot, m, j : j + 2]
            add_view(q, p, f, (a0, b0, a1, b1), sizes[2], sizes[3:], num, den)
        for k in range(total.size):
            total[k] += num[k] / den[k] if den[k] > zero else zero
            unseen[k] += zero if den[k] > zero else one


@driver
def _backproject_columns(
    n: int, filtered: Any, tables: Any, turn: Any, place: Any, sizes: Any, n_half: int, scratch: Any, out: Any
) -> None:
    for owner in prange(n):
        backproject_column(owner, filtered, tables, turn, place, sizes, n_half, scratch, out)


REBIN = Kernel("helix.rebin", rebin_ray, _rebin_rays)
BACKPROJECT = Kernel("helix.backproject", backproject_column, _backproject_columns)
