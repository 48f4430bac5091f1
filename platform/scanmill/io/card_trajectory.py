"""From a card's points or spokes to a trajectory: order, unit, sign and gradient delays."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.io.card_files import RoleFiles, ordered
from scanmill.io.card_kspace_role import CardTrajectory, KSpaceRole, Sizes
from scanmill.io.card_parts import Place
from scanmill.io.trajectory_units import to_cycles_per_fov

POINTS = ("frame", "slice", "shot", "sample", "coordinate")


def read_trajectory(role: KSpaceRole, source: RoleFiles, shape: tuple[int, ...], grid: VolumeGeometry) -> Trajectory:
    """The trajectory of samples (frame, slice, coil, shot, sample) of that shape; InputError where it does not fit."""
    card, matrix = role.trajectory, role.matrix
    if card is None or matrix is None:
        raise InputError("the card has no trajectory", where=source.where)
    if card.spokes is not None:
        points = _spokes(card, shape, matrix)
    else:
        stored = _stored(card, source)
        fov = [n * step for n, step in zip(matrix, grid.spacing, strict=True)]
        chosen = _in_order(card, stored, matrix, source)
        points = Trajectory(card.sign * to_cycles_per_fov(chosen, card.unit, matrix, fov))
    if points.shape[2:] != shape[3:] or any(n not in (1, m) for n, m in zip(points.shape[:2], shape[:2], strict=True)):
        expected = (*shape[:2], *shape[3:])
        raise InputError(
            "the trajectory does not fit the samples", where=source.where, expected=expected, got=points.shape
        )
    if card.delays is not None:
        points = points.delayed(_delays(card.delays, points.n_dims, source))
    points.check_inside(matrix[::-1] if points.n_dims == 3 else matrix[1::-1], where=source.where)
    return points


def _stored(card: CardTrajectory, source: RoleFiles) -> HostArray:
    """The points as stored (frame, slice, shot, sample, coordinate); complex numbers are x + iy."""
    array = source.array(card.points or Place())
    if "coordinate" in card.axes:
        if array.dtype.kind == "c":
            if np.any(array.imag):
                raise InputError("coordinates of a trajectory must be real", where=source.where, got=array.dtype)
            array = array.real
        return ordered(array, card.axes, POINTS, source.where)
    if array.dtype.kind != "c":
        raise InputError(
            "a trajectory without the axis `coordinate` must be complex", where=source.where, got=array.dtype
        )
    points = ordered(array, card.axes, POINTS[:-1], source.where)
    return np.stack([points.real, points.imag], axis=-1)


def _in_order(card: CardTrajectory, points: HostArray, matrix: Sizes, source: RoleFiles) -> HostArray:
    """The coordinates as x, y and, where z is encoded, z."""
    there = card.coordinates[: points.shape[-1]]
    wanted = ("x", "y", "z") if matrix[2] > 1 else ("x", "y")
    if points.shape[-1] > len(card.coordinates) or not set(wanted) <= set(there):
        raise InputError("the trajectory lacks a coordinate", where=source.where, expected=wanted, got=points.shape[-1])
    return points[..., [there.index(name) for name in wanted]]


def _spokes(card: CardTrajectory, shape: tuple[int, ...], matrix: Sizes) -> Trajectory:
    spokes = card.spokes
    if spokes is None or matrix[0] != matrix[1] or matrix[2] != 1:
        raise InputError("spokes need a square matrix of one plane", got=matrix)
    angles = np.deg2rad(spokes.start + spokes.step * np.arange(shape[3]))
    made = Trajectory.radial(shape[3], shape[4], matrix=matrix[0], angles=angles, is_symmetric=spokes.is_symmetric)
    first = [name for name in card.coordinates if name != "z"].index("x")
    return Trajectory(card.sign * made.points[..., [first, 1 - first]])


def _delays(delays: tuple[float, ...], n_dims: int, source: RoleFiles) -> HostArray:
    if n_dims == 3 and len(delays) != 3:
        raise InputError(
            "delays of a 3D trajectory need three numbers", where=source.where, expected="(x, y, z)", got=delays
        )
    if n_dims == 3 or len(delays) == 2:
        return np.diag(delays)
    x, y, xy = delays
    return np.array([[x, xy], [xy, y]])
