"""Where voxels fall on a detector, flat or cylindrical: the maps of voxel-driven backprojection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.operators.projection_frames import Frames

OFF_CENTER = 1e-6
"""How far the focal spot may stand off the centre of the detector's arc, as a part of its radius."""
UPRIGHT = 1e-6
"""How many columns a voxel's shadow may move along a run in z and still count as staying in its column."""


def tangent_scan(scan: ScanGeometry) -> ScanGeometry:
    """The scan with the flat detector that touches a cylindrical one in the middle; a flat one as it is."""
    return replace(scan, arc_center=None)


def shadow_maps(frames: Frames, scan: ScanGeometry) -> HostArray:
    """(15, view) float64 as `scanmill.kernels.voxels` reads them, from the frames of ``tangent_scan(scan)``.

    With the focal spot in the centre of the arc, the tangent of the fan angle is the column on the touching detector
    times the pitch over the radius, and rows shrink by its cosine. Raises `InputError` where the spot stands
    elsewhere.
    """
    maps = np.concatenate([frames.maps(), np.zeros((3, frames.n_views))])
    across, height, depth = maps[0:4], maps[4:8], maps[8:12]
    maps[13] = 1.0
    if scan.arc_center is not None:
        arm = scan.detector - scan.arc_center
        radius, pitch = np.linalg.norm(arm, axis=1), scan.column_spacing
        _require_centered(scan, radius)
        off = np.einsum("ij,ij->i", scan.source - scan.arc_center, scan.row_step) / scan.row_spacing**2
        maps[12], maps[13], maps[14] = (scan.n_columns - 1) / 2, radius / pitch, (scan.n_rows - 1) / 2 + off
        across[:] = (across - maps[12] * depth) / maps[13]
        height -= maps[14] * depth
    position = np.append(frames.isocenter, 1.0)
    isocenter = depth.T @ position
    if scan.is_cylindrical:
        isocenter = np.hypot(across.T @ position, isocenter)
    maps[:12] /= isocenter
    return maps


def is_upright(frames: Frames, maps: HostArray) -> bool:
    """Whether all voxels above a pixel of a slice fall into one column, at one distance."""
    drift = np.abs(maps[2] * maps[13]) + np.abs(maps[10]) * frames.n_columns
    return bool(drift.max() * frames.shape[0] <= UPRIGHT)


def _require_centered(scan: ScanGeometry, radius: HostArray) -> None:
    spot = scan.source - scan.arc_center
    up = scan.row_step / scan.row_spacing[:, None]
    beside = np.linalg.norm(spot - np.einsum("ij,ij->i", spot, up)[:, None] * up, axis=1)
    if np.any(beside > OFF_CENTER * radius):
        raise InputError(
            "backprojection needs the focal spot in the centre of the detector's arc",
            got=f"up to {beside.max():.3g} mm beside it",
            do="rebin the scan, or use an iterative method",
        )
