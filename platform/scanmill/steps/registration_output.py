"""What the steps of registration give back: the transform, its quality as numbers, pictures, and a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scanmill.data import Volume
from scanmill.errors import ConvergenceError
from scanmill.steps.contract import Output
from scanmill.steps.register_inputs import RegisterInputs
from scanmill.steps.registration_pictures import before_and_after

if TYPE_CHECKING:
    from scanmill.algorithms.registration.registration import Registration
    from scanmill.data.transforms import Transform

MEASURES = ("overlap", "inverse_consistency_mm", "jacobian_min", "jacobian_max", "folded", "label_dice")
POINTS = 20_000


def registered(registration: Registration, given: RegisterInputs, prefix: str) -> Output:
    """The transform with its quality; where it did not converge, the row's failure with the same numbers and pictures.

    Metrics: ``similarity_start`` and ``similarity`` (larger is better), ``overlap`` and the other measures of
    `Quality`, ``moved_mm`` (the RMS way of the fixed image's points)."""
    from scanmill.algorithms.registration.given_truth import judged_by

    quality = judged_by(registration, labels=given.labels).quality
    measures = {"similarity_start": quality.start, "similarity": quality.end}
    measures |= {name: float(value) for name in MEASURES if (value := getattr(quality, name)) is not None}
    measures["moved_mm"] = _moved(registration.transform, given.fixed)
    failure = None
    if not quality.converged:
        failure = ConvergenceError(
            "the registration cannot be trusted",
            got=quality.reason,
            do="look at its picture; try another metric or start",
        )
    return Output(
        {"transform": registration.transform},
        {f"{prefix}_{name}": value for name, value in measures.items() if np.isfinite(value)},
        before_and_after(given.fixed, given.moving, given.start, registration.transform, prefix),
        warnings=(f"{prefix}: {quality.note}",) if quality.note else (),
        failure=failure,
    )


def lost(error: ConvergenceError, given: RegisterInputs, prefix: str) -> Output:
    """The failure of a registration that diverged, with pictures of where it began."""
    return Output(pictures=before_and_after(given.fixed, given.moving, given.start, given.start, prefix), failure=error)


def _moved(transform: Transform, fixed: Volume) -> float:
    """RMS of |T(x) - x| over evenly taken voxels."""
    shape = fixed.geometry.shape
    step = max(1, round((np.prod(shape) / POINTS) ** (1 / 3)))
    grid = np.stack(np.meshgrid(*(np.arange(n // 2 % step, n, step) for n in shape), indexing="ij"), axis=-1)
    points = fixed.geometry.to_points(grid[..., ::-1])
    return float(np.sqrt(((transform.map(points) - points) ** 2).sum(axis=-1).mean()))
