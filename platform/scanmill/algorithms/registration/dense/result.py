"""What an outcome on the finest level means in millimetres, and how far it can be trusted."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.dense.beginning import Beginning
from scanmill.algorithms.registration.dense.choice import Choice
from scanmill.algorithms.registration.dense.field import (
    composed,
    continued,
    determinants,
    in_millimetres,
    share,
    warped,
)
from scanmill.algorithms.registration.dense.lattice import Lattice, Splines
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.progress import Outcome
from scanmill.algorithms.registration.dense.svf import exponential
from scanmill.algorithms.registration.quality import Quality
from scanmill.algorithms.registration.registration import Registration
from scanmill.arrays import Array, to_host, xp_of
from scanmill.data import Volume
from scanmill.data.transforms import DisplacementField, Transform, VelocityField
from scanmill.geometry import VolumeGeometry


def registration_of(
    outcome: Outcome,
    fixed: Volume,
    beginning: Beginning,
    choice: Choice,
    *,
    velocity: bool = False,
    lattice: Lattice | None = None,
) -> Registration:
    """The field, or the velocity or free form, after which the linear start is applied; with the way back if known."""
    level, grid, found = beginning.levels[-1], fixed.geometry, outcome.field
    forward: Transform
    inverse: Transform | None = None
    back: Array | None = None
    if lattice is not None:
        there, forward = Splines(lattice, level).values(found), lattice.transform(to_host(found))
    elif velocity:
        speed = continued(found, level, grid)
        there, back = exponential(speed), exponential(-speed)
        forward = VelocityField(in_millimetres(speed, grid).array, grid)
        inverse = forward.inverse()
    else:
        there, forward = _field(found, level, grid)
        if outcome.inverse is not None:
            back, inverse = _field(outcome.inverse, level, grid)
    quality = _quality(there, back, outcome, beginning, choice, min(grid.spacing))
    linear = beginning.linear
    if linear is None:
        return Registration(forward, quality, inverse)
    return Registration(linear @ forward, quality, None if inverse is None else inverse @ linear.inverse())


def _field(found: Array, level: Level, grid: VolumeGeometry) -> tuple[Array, DisplacementField]:
    """On the whole grid, in voxels and in mm."""
    whole = continued(found, level, grid)
    return whole, in_millimetres(whole, grid)


def _quality(
    there: Array, back: Array | None, outcome: Outcome, beginning: Beginning, choice: Choice, step_mm: float
) -> Quality:
    """Of the displacements on the whole fixed grid, which are those that are given back."""
    level = beginning.levels[-1]
    det = determinants(there)
    folded = float((det <= 0).mean())
    reason = outcome.reason or ("the field folds" if folded else "")
    kept = outcome.end >= outcome.start  # images that begin on each other cannot gain
    return Quality(
        choice.metric,
        outcome.start,
        outcome.end,
        overlap=share(warped(level, _cut(there, level))[1], level),
        inverse_consistency_mm=None if back is None else _consistency(there, back, level, step_mm),
        jacobian_min=float(det.min()),
        jacobian_max=float(det.max()),
        folded=folded,
        converged=kept and not reason,
        reason=reason or ("" if kept else "the images became less alike"),
        note=choice.note,
    )


def _cut(field: Array, level: Level) -> Array:
    """A field of the whole grid where the level is, in one piece."""
    return xp_of(field).ascontiguousarray(field[(slice(None), *level.box)])


def _consistency(there: Array, back: Array, level: Level, step_mm: float) -> float:
    """The RMS distance in mm of the voxels that count from themselves after the way there and back."""
    off = _cut(composed(back, there), level)
    lengths = [step_mm / scale for scale in level.scales]
    squares = sum((length * off[axis]) ** 2 for axis, length in enumerate(lengths)) * level.weight
    return float((squares.sum(dtype=np.float64) / level.weight.sum(dtype=np.float64)) ** 0.5)
