"""Uphill by quasi-Newton steps of bounded length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray

SUFFICIENT = 1e-4
"""The least part of the gain that the slope promises (Armijo)."""
DAMPING = 1e-3
"""Of the mean curvature, added to all: numbers that change nothing are left alone."""


@dataclass
class Hill:
    """What is climbed: ``value`` of p, and ``slopes`` and ``curvature`` (minus the second derivative) at the last p."""

    value: Callable[[HostArray], float]
    slopes: Callable[[HostArray], HostArray]
    curvature: Callable[[HostArray], HostArray]


@dataclass(frozen=True)
class Top:
    """The best ``p``, its ``value``, the last step's length and whether that was within the tolerance."""

    p: HostArray
    value: float
    last_step: float
    converged: bool = False


def climb(
    hill: Hill,
    p: HostArray,
    *,
    tolerance: float,
    longest: float,
    max_steps: int = 50,
    callback: Callable[[int, float], bool | None] | None = None,
) -> Top:
    """From ``p`` upwards until a step is shorter than ``tolerance``.

    The first curvature is the hill's own (Gauss-Newton), later ones by BFGS (Nocedal & Wright, Numerical Optimization,
    eq. 6.19), so that a rough first guess does no harm. No step is longer than ``longest``; one that does not rise
    is shortened. A ``callback`` that returns False ends the climb.
    """
    value = hill.value(p)
    if not np.isfinite(value):
        return Top(p, value, last_step=np.inf)
    slope = hill.slopes(p)
    curvature = hill.curvature(p)
    curvature = curvature + (DAMPING * np.trace(curvature) / len(p) + 1e-300) * np.eye(len(p))
    length = np.inf
    for n in range(max_steps):
        step = _bounded(np.linalg.solve(curvature, slope), longest)
        for _ in range(8):
            length = float(np.linalg.norm(step))
            trial = hill.value(p + step)
            if trial >= value + SUFFICIENT * float(slope @ step) or length < tolerance:
                break
            step = step * _shorter(value, trial, float(slope @ step))
        if trial < value:
            return Top(p, value, length, length < tolerance)
        p, value = p + step, trial
        if length < tolerance or (callback is not None and callback(n, value) is False):
            break
        before, slope = slope, hill.slopes(p)
        curvature = _bfgs(curvature, step, before - slope)
    return Top(p, value, length, length < tolerance)


def _bounded(step: HostArray, longest: float) -> HostArray:
    return np.asarray(step * min(1.0, longest / max(float(np.linalg.norm(step)), 1e-300)))


def _shorter(value: float, trial: float, promised: float) -> float:
    """The top of the parabola through value, slope and trial, as a part of the step."""
    if not np.isfinite(trial):
        return 0.3
    return float(np.clip(0.5 * promised / max(promised - (trial - value), 1e-300), 0.1, 0.5))


def _bfgs(curvature: HostArray, step: HostArray, change: HostArray) -> HostArray:
    """Left as it was where the hill is not convex along the step."""
    along, bent = float(change @ step), curvature @ step
    if along <= 1e-4 * float(step @ bent):
        return curvature
    return np.asarray(curvature + np.outer(change, change) / along - np.outer(bent, bent) / float(step @ bent))
