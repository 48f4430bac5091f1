"""What the projection kernels read: weights and positions per view and column, computed in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.operators.projection_arcs import ArcFrames
from scanmill.operators.projection_frames import Frames

CHUNK = 2**14
"""So many views times columns are worked on at once in float64."""


def in_chunks(frames: Frames | ArcFrames) -> Iterator[tuple[slice, Frames]]:
    """The frames, a few views at a time; of a cylindrical detector each column of a view as a view of its own."""
    step = max(1, CHUNK // frames.n_columns)
    for start in range(0, frames.n_views, step):
        views = slice(start, min(start + step, frames.n_views))
        yield views, frames.unrolled(views) if isinstance(frames, ArcFrames) else frames.views(views)


def column_tables(frames: Frames | ArcFrames, dtype: Any, n_tables: int = 7) -> tuple[HostArray, HostArray]:
    """``drive`` (view, column), 0 where x drives and 1 where y does, and the tables of `scanmill.kernels.columns`.

    The third table is the squared path in mm² within a plane of constant z; the last four are zero for rays that
    stay in their slices, which need only the first ``n_tables``.
    """
    shape = frames.n_views, frames.n_columns
    drive, tables = np.empty(shape, np.uint8), np.empty((n_tables, *shape), dtype)
    for views, part in in_chunks(frames):
        by_axis, numbers = _column_tables(part)
        drive[views] = by_axis.reshape(-1, shape[1])
        tables[:, views] = numbers[:n_tables].reshape(n_tables, -1, shape[1])
    return drive, tables


def ray_frames(frames: Frames | ArcFrames, dtype: Any, *, stacked: bool) -> HostArray:
    """The frames of `scanmill.kernels.rays`, (view, 1, 13), or (view, column, 13) for a cylindrical detector.

    With ``stacked`` they are those of one row over one slice.
    """
    n_columns = frames.n_columns if isinstance(frames, ArcFrames) else 1
    out = np.empty((frames.n_views, n_columns, 13), dtype)
    for views, part in in_chunks(frames):
        one = part.in_slice() if stacked else part
        column = one.column if n_columns == 1 else 0 * one.column
        diverging = np.full((one.n_views, 1), float(one.diverging))
        numbers = np.concatenate([one.origin, column, one.row, one.along, diverging], axis=1)
        out[views] = numbers.reshape(-1, n_columns, 13)
    return out


def _column_tables(frames: Frames) -> tuple[HostArray, HostArray]:
    steps = np.arange(frames.n_columns)[None, :, None] * frames.column[:, None, :]
    e = frames.origin[:, None, :] + steps
    d = frames.along[:, None, :] + (steps if frames.diverging else 0 * steps)
    by_y = np.abs(d[..., 1]) > np.abs(d[..., 0])
    drive = by_y.astype(np.uint8)
    (e_drive, e_across), (d_drive, d_across) = (_by_axis(by_y, vector) for vector in (e, d))
    nz, ny, nx = frames.shape
    middle_across = np.where(by_y, nx - 1, ny - 1) / 2
    dx, dy, _ = frames.spacing
    slope = d_across / d_drive
    path = np.where(by_y, dy * dy + (dx * slope) ** 2, dx * dx + (dy * slope) ** 2)
    z_slope = d[..., 2] / d_drive
    row_z = np.broadcast_to(frames.row[:, None, 2], z_slope.shape)
    row_slope = row_z / d_drive if frames.beam == "cone" else np.zeros_like(z_slope)
    z_start = e[..., 2] - e_drive * z_slope + (nz - 1) / 2
    row_step = row_z - e_drive * row_slope
    across = e_across - e_drive * slope + middle_across
    return drive, np.stack([across, slope, path, z_start, z_slope, row_step, row_slope])


def _by_axis(by_y: HostArray, vector: HostArray) -> tuple[HostArray, HostArray]:
    x, y = vector[..., 0], vector[..., 1]
    return np.where(by_y, y, x), np.where(by_y, x, y)


def shadow_tables(frames: Frames) -> tuple[HostArray, int]:
    """The tables (6, view) of `scanmill.kernels.planar` for parallel rays, and the number of taps."""
    d, step = frames.along, frames.column
    by_y = np.abs(d[:, 1]) > np.abs(d[:, 0])
    (e_drive, e_across), (d_drive, d_across) = (_by_axis(by_y, vector) for vector in (frames.origin, d))
    step_drive, step_across = _by_axis(by_y, step)
    slope = d_across / d_drive
    pitch = step_across - step_drive * slope
    if np.abs(pitch).min() < 1e-6:
        raise InputError("the detector of a view lies along its rays")
    first = e_across - e_drive * slope
    dx, dy, _ = frames.spacing
    path = np.sqrt(np.where(by_y, dy * dy + (dx * slope) ** 2, dx * dx + (dy * slope) ** 2))
    along_drive, along_across = -slope / pitch, 1 / pitch
    t1, t2 = np.where(by_y, along_across, along_drive), np.where(by_y, along_drive, along_across)
    tables = np.stack([-first / pitch, t1, t2, 1 / np.abs(pitch), path, path * np.abs(pitch)])
    return tables, int(np.ceil(2 / np.abs(pitch).min() - 1e-9))


def row_steps(frames: Frames | ArcFrames) -> tuple[float, float]:
    """The smallest distance of two rows along z, in voxels, over the whole grid; and the steepest climb of a ray.

    The rows must count upwards.
    """
    _, ny, nx = frames.shape
    nearest, climb = np.inf, 0.0
    for _, part in in_chunks(frames):
        drive, tables = _column_tables(part)
        reach = np.where(drive == 0, nx - 1, ny - 1) / 2
        climbs = np.abs(np.stack([tables[4], tables[4] + (frames.n_rows - 1) * tables[6]]))
        nearest = min(nearest, float((tables[5] - reach * np.abs(tables[6])).min()))
        climb = max(climb, float(climbs.max()))
    return nearest, climb
