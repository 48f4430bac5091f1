"""A matrix with a narrow band, applied along one axis of many arrays at once: splines on a grid, and their adjoint.

Row o of the matrix has ``weights`` (rows, width) from column ``firsts`` (rows) on. Values are seen as
(before, columns, after). An owner computes ``run`` neighbours of one row of the result.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def banded(owner: int, values: Any, weights: Any, firsts: Any, run: int, out: Any) -> None:
    """A run of ``out`` (before, rows, after)."""
    _, rows, after = out.shape
    n_runs = (after + run - 1) // run
    first, rest = owner % n_runs * run, owner // n_runs
    end, line, at = min(first + run, after), rest // rows, rest % rows
    row, column = out[line, at], firsts[at]
    for i in range(first, end):
        row[i] = weights[at, 0] * values[line, column, i]
    for t in range(1, weights.shape[1]):
        weight, one = weights[at, t], values[line, column + t]
        for i in range(first, end):
            row[i] += weight * one[i]


@driver
def _banded(n: int, values: Any, weights: Any, firsts: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        banded(owner, values, weights, firsts, run, out)


BANDED = Kernel("banded.apply", banded, _banded)
