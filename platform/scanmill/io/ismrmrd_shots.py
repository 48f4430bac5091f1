"""Non-Cartesian ISMRMRD readouts gathered shot by shot, with their trajectory."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import Trajectory
from scanmill.io.ismrmrd_cartesian import Places
from scanmill.io.ismrmrd_header import Encoding
from scanmill.io.ismrmrd_lines import Lines
from scanmill.io.trajectory_units import guessed_unit, to_cycles_per_fov
from scanmill.io.voxel_limit import check_voxels


def gather_shots(lines: Lines, places: Places, encoding: Encoding, unit: str | None) -> tuple[HostArray, Trajectory]:
    """Samples (frame, slice, coil, shot, sample) in the order of acquisition, and their trajectory.

    ``unit`` is one of ``trajectory_units.UNITS``; None tells it from the size of the points. A third coordinate of a
    2D scan (where some keep a density) is left out; partitions of a stack make one of a 2D trajectory.
    """
    order, n_shots = _by_frame_and_slice(lines, places)
    rows = places.rows[order]
    heads = lines.heads[places.rows]
    n_samples = _one(heads["number_of_samples"].astype(int) - heads["discard_pre"] - heads["discard_post"], lines,
                     "readouts differ in length")  # fmt: skip
    d = _one(heads["trajectory_dimensions"], lines, "readouts differ in trajectory_dimensions")
    n_coils = int(heads["active_channels"][0])
    if d not in (2, 3):
        raise InputError(
            f"a {encoding.trajectory} scan without its trajectory",
            where=lines.path.name,
            expected="trajectory_dimensions 2 or 3",
            got=d,
            do="store it with the acquisitions, or describe the samples by a data card",
        )
    check_voxels((len(rows), n_coils, n_samples), where=lines.path.name, bytes_per_voxel=16)
    samples = np.empty((len(rows), n_coils, n_samples), np.complex64)
    points = np.empty((len(rows), n_samples, d), np.float32)
    target = np.empty(len(rows), dtype=np.int64)
    target[order] = np.arange(len(rows))
    for stored, read in ((samples, lines.blocks(places.rows)), (points, lines.trajectories(places.rows))):
        for chosen, block in read:
            stored[target[np.searchsorted(places.rows, chosen)]] = block
    shape = (places.n_frames, places.n_slices, n_shots)
    k = _cycles(points, lines.counter("kspace_encode_step_2")[rows], encoding, unit, lines.path.name)
    array = samples.reshape(*shape, n_coils, n_samples).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(array), Trajectory(_shared(k.reshape(*shape, n_samples, -1)))


def _by_frame_and_slice(lines: Lines, places: Places) -> tuple[HostArray, int]:
    """The order of the readouts by frame, slice and time, and how many each slice of a frame has."""
    group = places.frames * places.n_slices + places.slices
    counts = np.bincount(group, minlength=places.n_frames * places.n_slices)
    if counts.min() != counts.max():
        raise InputError(
            "slices and frames differ in their number of shots",
            where=lines.path.name,
            got=f"{int(counts.min())} to {int(counts.max())}",
        )
    return np.argsort(group, kind="stable"), int(counts[0])


def _one(values: HostArray, lines: Lines, what: str) -> int:
    if (values != values[0]).any():
        raise InputError(what, where=lines.path.name, got=sorted(set(values.tolist()))[:8])
    return int(values[0])


def _cycles(points: HostArray, partition: HostArray, encoding: Encoding, unit: str | None, where: str) -> HostArray:
    matrix, nz = encoding.encoded.matrix, encoding.encoded.matrix[2]
    kept = points if nz > 1 else points[..., :2]
    if not np.isfinite(kept).all():
        raise InputError("the trajectory must be finite", where=where, expected="no NaN or Inf")
    unit = unit or guessed_unit(kept, matrix, where=where)
    k = to_cycles_per_fov(kept, unit, matrix, encoding.encoded.fov)
    if nz > 1 and k.shape[-1] == 2:
        along_z = partition - encoding.centers.get("kspace_encoding_step_2", nz // 2)
        k = np.concatenate([k, np.broadcast_to(along_z[:, None, None], (*k.shape[:2], 1))], axis=-1)
    Trajectory(k[None, None]).check_inside(matrix[::-1] if k.shape[-1] == 3 else matrix[1::-1], where=where)
    return k


def _shared(points: HostArray) -> HostArray:
    """The points with a leading axis of 1 where all frames, or all slices, share them."""
    for axis in (0, 1):
        head = points.take([0], axis=axis)
        if points.shape[axis] > 1 and (points == head).all():
            points = head
    return points
