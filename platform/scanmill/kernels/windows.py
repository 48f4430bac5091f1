"""Means, variances and the covariance of two images in a window about every voxel, whatever the window's size.

Moments (6, z, y, x) are the weight m, the means of both images, and the sums of their weighted squared and mixed
deviations from these means. Windows grow axis by axis: a run of moments is merged into the moments of its union (Chan,
Golub & LeVeque, Am. Stat. 37 (1983) 242). The sums along an axis run: one moment enters, one leaves. They start anew
after every window, from a reference nearby, and count from it: so float32 neither drifts nor cancels. Weights are whole
numbers, which sums of float32 keep exactly.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def merge_row(owner: int, weight: Any, a: Any, b: Any, half: int, out: Any) -> None:
    """The moments of one row of voxels in windows along x, up to ``half`` to either side."""
    nx = a.shape[2]
    k, j = owner // a.shape[1], owner % a.shape[1]
    ms, xs, ys = weight[k, j], a[k, j], b[k, j]
    zero, one = a.dtype.type(0), a.dtype.type(1)
    period = 2 * half + 1
    for start in range(0, nx, period):
        nearby = min(start + half, nx - 1)
        rx, ry = xs[nearby], ys[nearby]
        m, sx, sy, sxx, syy, sxy = zero, zero, zero, zero, zero, zero
        for t in range(max(start - half, 0), min(start + half, nx)):
            x, y, w = xs[t] - rx, ys[t] - ry, ms[t]
            m, sx, sy = m + w, sx + w * x, sy + w * y
            sxx, syy, sxy = sxx + w * x * x, syy + w * y * y, sxy + w * x * y
        for i in range(start, min(start + period, nx)):
            if i + half < nx:
                x, y, w = xs[i + half] - rx, ys[i + half] - ry, ms[i + half]
                m, sx, sy = m + w, sx + w * x, sy + w * y
                sxx, syy, sxy = sxx + w * x * x, syy + w * y * y, sxy + w * x * y
            if i > start and i - half > 0:
                x, y, w = xs[i - half - 1] - rx, ys[i - half - 1] - ry, ms[i - half - 1]
                m, sx, sy = m - w, sx - w * x, sy - w * y
                sxx, syy, sxy = sxx - w * x * x, syy - w * y * y, sxy - w * x * y
            share = one / max(m, one)
            out[0, k, j, i], out[1, k, j, i], out[2, k, j, i] = m, rx + sx * share, ry + sy * share
            out[3, k, j, i], out[4, k, j, i] = sxx - sx * sx * share, syy - sy * sy * share
            out[5, k, j, i] = sxy - sx * sy * share


@driver
def _merge_rows(n: int, weight: Any, a: Any, b: Any, half: int, out: Any) -> None:
    for owner in prange(n):
        merge_row(owner, weight, a, b, half, out)


@compiled
def count(moments: Any, line: int, t: int, first: int, end: int, sign: Any, sums: Any) -> None:
    """Add the moments of one index, or with ``sign`` -1 take them away; sums (8, lanes) end with the references."""
    ms, xs, ys = moments[0, line, t], moments[1, line, t], moments[2, line, t]
    xxs, yys, xys = moments[3, line, t], moments[4, line, t], moments[5, line, t]
    for i in range(first, end):
        s = i - first
        m, x, y = sign * ms[i], xs[i] - sums[6, s], ys[i] - sums[7, s]
        sums[0, s] += m
        sums[1, s] += m * x
        sums[2, s] += m * y
        sums[3, s] += sign * xxs[i] + m * x * x
        sums[4, s] += sign * yys[i] + m * y * y
        sums[5, s] += sign * xys[i] + m * x * y


@compiled
def begin(moments: Any, line: int, nearby: int, first: int, end: int, sums: Any) -> None:
    """Empty sums that count from the means at ``nearby``."""
    for c in range(6):
        for s in range(end - first):
            sums[c, s] = moments.dtype.type(0)
    for s in range(end - first):
        sums[6, s] = moments[1, line, nearby, first + s]
        sums[7, s] = moments[2, line, nearby, first + s]


@compiled
def finish(sums: Any, line: int, at: int, first: int, end: int, out: Any) -> None:
    """The moments that the sums amount to."""
    one = sums.dtype.type(1)
    for i in range(first, end):
        s = i - first
        m, sx, sy = sums[0, s], sums[1, s], sums[2, s]
        share = one / max(m, one)
        out[0, line, at, i] = m
        out[1, line, at, i] = sums[6, s] + sx * share
        out[2, line, at, i] = sums[7, s] + sy * share
        out[3, line, at, i] = sums[3, s] - sx * sx * share
        out[4, line, at, i] = sums[4, s] - sy * sy * share
        out[5, line, at, i] = sums[5, s] - sx * sy * share


@compiled
def merge_across(owner: int, moments: Any, half: int, lanes: int, scratch: Any, out: Any) -> None:
    """A run of ``lanes`` neighbours along the middle axis of moments (6, before, n, after)."""
    n, after = moments.shape[2], moments.shape[3]
    one = moments.dtype.type(1)
    n_runs = (after + lanes - 1) // lanes
    line, first = owner // n_runs, owner % n_runs * lanes
    end, sums, period = min(first + lanes, after), scratch[owner], 2 * half + 1
    for start in range(0, n, period):
        begin(moments, line, min(start + half, n - 1), first, end, sums)
        for t in range(max(start - half, 0), min(start + half, n)):
            count(moments, line, t, first, end, one, sums)
        for i in range(start, min(start + period, n)):
            if i + half < n:
                count(moments, line, i + half, first, end, one, sums)
            if i > start and i - half > 0:
                count(moments, line, i - half - 1, first, end, -one, sums)
            finish(sums, line, i, first, end, out)


@driver
def _merge_across(n: int, moments: Any, half: int, lanes: int, scratch: Any, out: Any) -> None:
    for owner in prange(n):
        merge_across(owner, moments, half, lanes, scratch, out)


MERGE_ROW = Kernel("windows.merge_row", merge_row, _merge_rows)
MERGE_ACROSS = Kernel("windows.merge_across", merge_across, _merge_across)
