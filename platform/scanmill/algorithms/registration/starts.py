"""Where a linear registration begins: several places and turns, compared on the coarsest level."""

from __future__ import annotations

from itertools import permutations, product
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from scanmill.algorithms.registration.checks import middle_of
from scanmill.algorithms.registration.levels import Level, scaled
from scanmill.algorithms.registration.motions import Model
from scanmill.arrays import HostArray, to_host
from scanmill.data import Volume
from scanmill.errors import SpecError

Starts = Literal["auto", "identity", "centre", "moments", "grid"]
TURN_DEG = 25.0
"""Of the starts beside the untouched one; half of it is well within reach of the climb."""


def starts_of(kind: Starts, level: Level, model: Model) -> list[HostArray]:
    """4x4 matrices from fixed to moving points.

    identity: the scanner's coordinates; centre: the images' middles on each other; moments: their centres of mass.
    auto: all three, each also turned by 25 degrees about every axis either way; grid: in all 24 orientations of a cube
    (a plane: every 15 degrees) besides.
    """
    shifts = {"identity": np.zeros(3), "centre": _between_middles(level), "moments": _between_masses(level)}
    if kind in shifts:
        return [_about(level, np.eye(3), shifts[kind])]
    if kind not in ("auto", "grid"):
        raise SpecError("unknown start of a registration", expected="auto, identity, centre, moments or grid", got=kind)
    turns = [np.eye(3)] if model == "translation" else _turns(level.fixed, wide=kind == "grid")
    return [_about(level, turn, shift) for shift, turn in product(shifts.values(), turns)]


def _about(level: Level, turn: HostArray, shift: HostArray) -> HostArray:
    """A turn about the fixed image's centre of mass, then a shift."""
    center = _mass(level.fixed, level.fixed_inside)
    out = np.eye(4)
    out[:3, :3] = turn
    out[:3, 3] = center + shift - turn @ center
    return out


def _turns(fixed: Volume, *, wide: bool) -> list[HostArray]:
    """The identity first."""
    axes = np.asarray(fixed.geometry.direction)
    if fixed.geometry.shape[0] == 1:
        degrees = np.arange(0, 360, 15) if wide else np.array([0, TURN_DEG, -TURN_DEG])
        return [_turn(axes[:, 2], angle) for angle in degrees]
    small = [np.eye(3), *(_turn(axis, sign * TURN_DEG) for axis in axes.T for sign in (1, -1))]
    return [axes @ cube @ axes.T @ turn for cube in _cube() for turn in small] if wide else small


def _turn(axis: HostArray, degrees: float) -> HostArray:
    return np.asarray(Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix())


def _cube() -> list[HostArray]:
    """The 24 turns that bring a cube onto itself."""
    every = [
        np.eye(3)[list(p)] * np.array(s)[:, None] for p in permutations(range(3)) for s in product((1, -1), repeat=3)
    ]
    return sorted((m for m in every if np.linalg.det(m) > 0), key=lambda m: -np.trace(m))


def _between_middles(level: Level) -> HostArray:
    return middle_of(level.moving.geometry) - middle_of(level.fixed.geometry)


def _between_masses(level: Level) -> HostArray:
    return _mass(level.moving, level.moving_inside) - _mass(level.fixed, level.fixed_inside)


def _mass(image: Volume, inside: HostArray | None) -> HostArray:
    """The centre of mass in LPS mm."""
    weights = to_host(scaled(image.array, 1.0)).astype(np.float64)
    weights = weights if inside is None else weights * inside
    total = max(float(weights.sum()), 1e-30)
    index = [
        float((weights.sum(axis=tuple(b for b in range(3) if b != axis)) * np.arange(n)).sum()) / total
        for axis, n in enumerate(weights.shape)
    ]
    return np.asarray(image.geometry.to_points(index[::-1]))
