"""Samples at any place onto a Cartesian grid and back, with a separable window of a few taps along each axis.

Interpolation reads, for every sample, the cells under its window. Its adjoint, gridding, adds every sample to those
cells, in one of two ways, neither with atomics:

- gather, parallel over the grid: a row of cells is owned, and adds up the samples whose windows touch it;
- scatter, parallel over the samples: a block of the grid is owned with the samples that begin in it. Their windows
  reach only into the next block, so blocks of one colour (every second one along each axis) share nothing, and the
  colours take turns.

Both add in the order of the sorted samples, so that they depend on no number of threads. Complex numbers are pairs of
reals along a last axis. The grid goes on periodically. How many taps there are is the length of a tuple, so that each
number of taps is compiled for itself.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def wrapped(i: int, n: int) -> int:
    """An index at most one turn beyond the end, brought back."""
    return i - n if i >= n else i


@compiled
def interpolate_sample(
    owner: int, grid: Any, first: Any, wz: Any, wy: Any, wx: Any, taps_z: Any, taps: Any, out: Any
) -> None:
    """One sample of one image: ``out`` (image, sample, 2) from ``grid`` (image, z, y, x, 2).

    ``first`` (3, sample) is the lowest cell (z, y, x) under the window, ``wz``, ``wy`` and ``wx`` (sample, tap) are
    its weights; there are ``len(taps_z)`` taps along z and ``len(taps)`` along y and x.
    """
    _, nz, ny, nx, _ = grid.shape
    n_samples = out.shape[1]
    image, s = owner // n_samples, owner % n_samples
    real, imaginary = out.dtype.type(0), out.dtype.type(0)
    for k in range(len(taps_z)):
        plane = grid[image, wrapped(first[0, s] + k, nz)]
        for j in range(len(taps)):
            row, w = plane[wrapped(first[1, s] + j, ny)], wz[s, k] * wy[s, j]
            for i in range(len(taps)):
                cell, weight = wrapped(first[2, s] + i, nx), w * wx[s, i]
                real += weight * row[cell, 0]
                imaginary += weight * row[cell, 1]
    out[image, s, 0], out[image, s, 1] = real, imaginary


@driver
def _interpolate_samples(
    n: int, grid: Any, first: Any, wz: Any, wy: Any, wx: Any, taps_z: Any, taps: Any, out: Any
) -> None:
    for owner in prange(n):
        interpolate_sample(owner, grid, first, wz, wy, wx, taps_z, taps, out)


@compiled
def add_to_row(row: Any, cell: int, real: Any, imaginary: Any, wx: Any, taps: Any) -> None:
    """Add a value times the weights along x to a row (x, 2) from ``cell`` on."""
    nx = row.shape[0]
    for i in range(len(taps)):
        at = wrapped(cell + i, nx)
        row[at, 0] += wx[i] * real
        row[at, 1] += wx[i] * imaginary


@compiled
def gather_row(
    owner: int, values: Any, first: Any, rows: Any, wz: Any, wy: Any, wx: Any, taps_z: Any, taps: Any, out: Any
) -> None:
    """One row of ``out`` (image, z, y, x, 2) from ``values`` (image, sample, 2), sorted by their lowest row.

    ``rows`` (z y + 1) says where the samples of each lowest row begin.
    """
    _, nz, ny, _, _ = out.shape
    y, rest = owner % ny, owner // ny
    z, image = rest % nz, rest // nz
    row = out[image, z, y]
    for i in range(row.shape[0]):
        row[i, 0], row[i, 1] = out.dtype.type(0), out.dtype.type(0)
    for k in range(len(taps_z)):
        low_z = z - k if z >= k else z - k + nz
        for j in range(len(taps)):
            low_y = y - j if y >= j else y - j + ny
            low = low_z * ny + low_y
            for s in range(rows[low], rows[low + 1]):
                w = wz[s, k] * wy[s, j]
                add_to_row(row, first[2, s], w * values[image, s, 0], w * values[image, s, 1], wx[s], taps)


@driver
def _gather_rows(
    n: int, values: Any, first: Any, rows: Any, wz: Any, wy: Any, wx: Any, taps_z: Any, taps: Any, out: Any
) -> None:
    for owner in prange(n):
        gather_row(owner, values, first, rows, wz, wy, wx, taps_z, taps, out)


@compiled
def scatter_block(
    owner: int, values: Any, first: Any, blocks: Any, wz: Any, wy: Any, wx: Any, taps_z: Any, taps: Any, out: Any
) -> None:
    """The samples of one block added to ``out`` (image, z, y, x, 2), from ``values`` sorted by blocks.

    ``blocks`` (block, 2) says where the samples of each block of one colour begin and end.
    """
    _, nz, ny, _, _ = out.shape
    n_blocks = blocks.shape[0]
    image, block = owner // n_blocks, owner % n_blocks
    for s in range(blocks[block, 0], blocks[block, 1]):
        real, imaginary = values[image, s, 0], values[image, s, 1]
        for k in range(len(taps_z)):
            plane = out[image, wrapped(first[0, s] + k, nz)]
            for j in range(len(taps)):
                w = wz[s, k] * wy[s, j]
                row = plane[wrapped(first[1, s] + j, ny)]
                add_to_row(row, first[2, s], w * real, w * imaginary, wx[s], taps)


@driver
def _scatter_blocks(
    n: int, values: Any, first: Any, blocks: Any, wz: Any, wy: Any, wx: Any, taps_z: Any, taps: Any, out: Any
) -> None:
    for owner in prange(n):
        scatter_block(owner, values, first, blocks, wz, wy, wx, taps_z, taps, out)


INTERPOLATE = Kernel("gridding.interpolate", interpolate_sample, _interpolate_samples)
GATHER = Kernel("gridding.gather", gather_row, _gather_rows)
SCATTER = Kernel("gridding.scatter", scatter_block, _scatter_blocks)
