"""Cartesian ISMRMRD readouts gathered into the grid of k-space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.io.ismrmrd_header import Encoding
from scanmill.io.ismrmrd_lines import Lines
from scanmill.io.ismrmrd_order import grid_lines
from scanmill.io.ismrmrd_readout import Readout, find_ghosts
from scanmill.io.readout import middle
from scanmill.io.voxel_limit import check_voxels


@dataclass(frozen=True, eq=False)
class Places:
    """Which readouts are gathered, and the frame and slice of each."""

    rows: HostArray
    frames: HostArray
    slices: HostArray
    n_frames: int
    n_slices: int


def gather(lines: Lines, places: Places, encoding: Encoding) -> tuple[HostArray, HostArray]:
    """K-space (frame, slice, coil, z, y, x) complex64 without the readout's oversampling, and where it was measured.

    Readouts of the same place (averages) are averaged. The mask is (frame or 1, slice or 1, z, y, x).
    """
    where = lines.path.name
    readout = Readout.of(encoding, where)
    z, y = grid_lines(lines, places.rows, encoding, where)
    _, ny, nz = encoding.encoded.matrix
    n_coils = int(lines.heads["active_channels"][places.rows[0]])
    shape = (places.n_frames, places.n_slices, n_coils, nz, ny, readout.kept)
    check_voxels(shape, where=where, bytes_per_voxel=9)
    array, measured = np.zeros(shape, np.complex64), np.zeros(shape[:2] + shape[3:], dtype=bool)
    counts = np.zeros(measured.shape[:4], dtype=np.int32)
    turn = _turns(np.ravel_multi_index((places.frames, places.slices, z, y), counts.shape))
    own = lines.of_encoding(int(lines.heads["encoding_space_ref"][places.rows[0]]))
    navigators = np.flatnonzero(lines.navigators & own)
    ghosts = find_ghosts(lines, navigators, readout) if len(navigators) else None
    for rows, samples in lines.blocks(places.rows):
        mine = np.searchsorted(places.rows, rows)
        phases = None if ghosts is None else ghosts.of(rows, lines.counter("slice")[rows])
        k, there = readout.lines(lines, rows, samples, phases)
        for number in np.unique(turn[mine]):
            now = turn[mine] == number
            at = tuple(index[mine[now]] for index in (places.frames, places.slices, z, y))
            array[at[0], at[1], :, at[2], at[3]] += k[now]
            measured[at] |= there[now]
            counts[at] += 1
    if counts.max() > 1:
        array /= np.maximum(counts, 1)[:, :, None, :, :, None]
    measured &= (array != 0).any(axis=2)
    return array, _shared(measured)


def cropped_references(array: HostArray, measured: HostArray) -> HostArray:
    """Reference lines (1, slice, coil, z, y, x) cut to the middle of the lines of k-space that hold them."""
    chosen = []
    for axis in (2, 3):
        n = measured.shape[axis]
        there = np.flatnonzero(measured.any(axis=tuple(a for a in range(5) if a != axis))) - n // 2
        low, high = (-int(there[0]), int(there[-1])) if len(there) else (0, 0)
        chosen.append(middle(n, min(n, max(2 * low, 2 * high + 1))))
    return np.ascontiguousarray(array[:, :, :, chosen[0], chosen[1]])


def _turns(places: HostArray) -> HostArray:
    """For each readout, how many before it have the same place."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    turns = np.empty_like(order)
    turns[order] = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    return turns


def _shared(mask: HostArray) -> HostArray:
    """The mask with a leading axis of 1 where all frames, or all slices, share it."""
    for axis in (0, 1):
        head = mask.take([0], axis=axis)
        if mask.shape[axis] > 1 and (mask == head).all():
            mask = head
    return mask
