"""Symmetric filters of a few taps along one axis of many arrays at once.

Values are seen as (before, n, after), the middle axis is filtered. Beyond its ends there is nothing, or the edge goes
on if ``edge`` is 1. ``taps`` begin with the middle one. Where the axis runs through memory (after = 1) an owner
computes one line, otherwise ``run`` neighbours of one index: both are vectorised.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def across(owner: int, values: Any, taps: Any, edge: int, run: int, out: Any) -> None:
    """A run of ``out`` for an axis with another one behind it."""
    _, n, after = values.shape
    n_runs = (after + run - 1) // run
    first, rest = owner % n_runs * run, owner // n_runs
    end, at, line = min(first + run, after), rest % n, values[rest // n]
    row, middle, own = out[rest // n, at], line[at], taps[0]
    for i in range(first, end):
        row[i] = own * middle[i]
    for t in range(1, taps.shape[0]):
        weight = taps[t]
        if edge == 0 and (at - t < 0 or at + t >= n):
            if at - t >= 0:
                one = line[at - t]
                for i in range(first, end):
                    row[i] += weight * one[i]
            elif at + t < n:
                one = line[at + t]
                for i in range(first, end):
                    row[i] += weight * one[i]
        else:
            low, high = line[max(at - t, 0)], line[min(at + t, n - 1)]
            for i in range(first, end):
                row[i] += weight * (low[i] + high[i])


@driver
def _across(n: int, values: Any, taps: Any, edge: int, run: int, out: Any) -> None:
    for owner in prange(n):
        across(owner, values, taps, edge, run, out)


@compiled
def along(owner: int, values: Any, taps: Any, edge: int, out: Any) -> None:
    """One line of ``out`` for the last axis: values and out are (lines, n)."""
    n = values.shape[1]
    line, row, own = values[owner], out[owner], taps[0]
    for i in range(n):
        row[i] = own * line[i]
    for t in range(1, min(taps.shape[0], n) if edge == 0 else taps.shape[0]):
        weight = taps[t]
        for i in range(min(t, n), n):
            row[i] += weight * line[i - t]
        for i in range(max(n - t, 0)):
            row[i] += weight * line[i + t]
        if edge == 1:
            for i in range(min(t, n)):
                row[i] += weight * line[0]
                row[n - 1 - i] += weight * line[n - 1]


@driver
def _along(n: int, values: Any, taps: Any, edge: int, out: Any) -> None:
    for owner in prange(n):
        along(owner, values, taps, edge, out)


ACROSS = Kernel("smoothing.across", across, _across)
ALONG = Kernel("smoothing.along", along, _along)
