"""How often two grey levels are neighbours: voxel by voxel, into a table of counts for every direction.

``levels`` is an image of any number of axes, flat, in which every axis goes on with zeros as far as a step reaches; so
what lies behind one end of an axis is a zero too, and a neighbour is one distance in memory away, always forwards. The
first direction is a ``step`` along the last axis. The others come in threes, one jump along the other axes each, with
a step back, none and one forwards: they share the look at the voxel itself, and their counters, which lie in tables of
their own, do not wait for each other where an image is smooth.

A table has a row and a column for level 0, which is outside: whoever reads it cuts them off. An owner counts one jump
in ``run`` voxels, into tables of its own band.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def count(owner: int, levels: Any, jumps: Any, step: int, n: int, run: int, n_rows: Any, tables: Any) -> None:
    """The pairs of a band of the first ``n`` voxels at one jump: ``tables`` (band, 1 + 3 jumps, n_rows * n_rows).

    Levels are uint16 and ``n_rows`` uint32, so that no index can be negative, which would have to be looked after.
    """
    jump, band = owner % jumps.shape[0], owner // jumps.shape[0]
    first = band * run
    n_voxels, there = min(run, n - first), first + jumps[jump]
    here, ahead = levels[first:], levels[first + step :]
    before, at, behind = levels[there - step :], levels[there:], levels[there + step :]
    along, mine = tables[band, 0], tables[band, 1 + 3 * jump : 4 + 3 * jump]
    back, straight, forth = mine[0], mine[1], mine[2]
    if jump == 0:
        for i in range(n_voxels):
            row = here[i] * n_rows
            along[row + ahead[i]] += 1
            back[row + before[i]] += 1
            straight[row + at[i]] += 1
            forth[row + behind[i]] += 1
    else:
        for i in range(n_voxels):
            row = here[i] * n_rows
            back[row + before[i]] += 1
            straight[row + at[i]] += 1
            forth[row + behind[i]] += 1


@driver
def _counts(n: int, levels: Any, jumps: Any, step: int, last: int, run: int, n_rows: Any, tables: Any) -> None:
    for owner in prange(n):
        count(owner, levels, jumps, step, last, run, n_rows, tables)


COUNT = Kernel("cooccurrence.count", count, _counts)
