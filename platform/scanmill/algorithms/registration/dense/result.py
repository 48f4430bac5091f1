"""What an outcome on the finest level means in millimetres, and how far it can be trusted."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.dense.beginning import Beginning
from scanmill.algorithms.registration.dense.choice import Choice
from scanmill.algorithms.registration.dense.field import composed, determinants, in_millimetres
from scanmill.algorithms.registration.dense.level import Level
from scanmill.algorithms.registration.dense.progress import Outcome
from scanmill.algorithms.registration.dense.svf import exponential
from scanmill.algorithms.registration.quality import Quality
from scanmill.algorithms.registration.registration import Registration
from scanmill.arrays import Array
from scanmill.data import Volume
from scanmill.data.transforms import Transform, VelocityField


def registration_of(
    outcome: Outcome, fixed: Volume, beginning: Beginning, choice: Choice, *, velocity: bool
) -> Registration:
    """The field, or the velocity, after which the linear start is applied; with the way back where there is one."""
    level = beginning.levels[-1]
    there, back = outcome.field, outcome.inverse
    moved = in_millimetres(there, level, fixed.geometry)
    forward: Transform = VelocityField(moved.array, fixed.geometry) if velocity else moved
    inverse = forward.inverse() if velocity else None
    if velocity:
        there, back = exponential(outcome.field), exponential(-outcome.field)
    elif back is not None:
        inverse = in_millimetres(back, level, fixed.geometry)
    quality = _quality(there, back, outcome, beginning, choice, min(fixed.geometry.spacing))
    linear = beginning.linear
    if linear is None:
        return Registration(forward, quality, inverse)
    return Registration(linear @ forward, quality, None if inverse is None else inverse @ linear.inverse())


def _quality(
    there: Array, back: Array | None, outcome: Outcome, beginning: Beginning, choice: Choice, step_mm: float
) -> Quality:
    det = determinants(there)
    better = outcome.end > outcome.start
    return Quality(
        choice.metric,
        outcome.start,
        outcome.end,
        overlap=beginning.overlap,
        inverse_consistency_mm=None if back is None else _consistency(there, back, beginning.levels[-1], step_mm),
        jacobian_min=float(det.min()),
        jacobian_max=float(det.max()),
        folded=float((det <= 0).mean()),
        converged=better and not outcome.reason,
        reason=outcome.reason or ("" if better else "the images did not become more alike"),
        note=choice.note,
    )


def _consistency(there: Array, back: Array, level: Level, step_mm: float) -> float:
    """The RMS distance in mm of the voxels that count from themselves after the way there and back."""
    off = composed(back, there)
    lengths = [step_mm / scale for scale in level.scales]
    squares = sum((length * off[axis]) ** 2 for axis, length in enumerate(lengths)) * level.weight
    return float((squares.sum(dtype=np.float64) / level.weight.sum(dtype=np.float64)) ** 0.5)
