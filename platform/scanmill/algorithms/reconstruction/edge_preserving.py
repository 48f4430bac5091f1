"""Penalties on the differences between neighbours that spare edges, smooth enough for gradient steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators.difference import GradientOp
from scanmill.operators.linear import Shape

Penalty = Literal["huber", "tv"]


class EdgePreserving:
    """Σ φ(difference of neighbours), its gradient and a bound of its curvature.

    ``"huber"``: φ(d) = d² / 2 up to ``delta`` and δ |d| - δ² / 2 beyond, for every axis by itself (Huber, Ann. Math.
    Stat. 35 (1964) 73). ``"tv"``: √(|∇x|² + δ²) - δ, the isotropic total variation, rounded off below δ. With a
    ``spacing`` in mm, in point order (x, y, z), a difference counts as much less as its neighbours are farther apart
    than the nearest ones: ``delta`` is in the image's unit, over the smallest spacing.
    """

    def __init__(
        self, penalty: Penalty, delta: float, shape: Shape, *, spacing: Sequence[float] | None, dtype: Any
    ) -> None:
        if penalty not in get_args(Penalty):
            raise SpecError("unknown penalty", expected=", ".join(get_args(Penalty)), got=penalty)
        if not 0 < delta < float("inf"):
            raise SpecError("delta must be positive", got=delta)
        steps = np.ones(len(shape)) if spacing is None else np.asarray(spacing, dtype=np.float64)
        used = [h for h, n in zip(steps, reversed(shape), strict=True) if n > 1]
        self.steps = steps / min(used, default=1.0)
        self.differences = GradientOp(shape, spacing=self.steps.tolist(), dtype=dtype)
        self.penalty, self.delta = penalty, float(delta)

    @property
    def curvature(self) -> float:
        """A number above the curvature everywhere, along every voxel, whatever the others do: 4 Σ 1/h² (TV: over δ)."""
        bound = self.differences.norm_bound**2
        return bound if self.penalty == "huber" else bound / self.delta

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """The penalty, summed in float64, and its gradient."""
        xp, d = xp_of(x), self.differences(x)
        if self.penalty == "huber":
            value = sum(_huber(xp, component, self.delta) for component in d)
            return value, self.differences.H(xp.clip(d, -self.delta, self.delta, out=d))
        length = xp.full(x.shape, self.delta**2, dtype=x.dtype)
        for component in d:
            length += component * component
        xp.sqrt(length, out=length)
        value = float(xp.sum(length - self.delta, dtype=np.float64))
        d /= length
        return value, self.differences.H(d)


def _huber(xp: Any, d: Array, delta: float) -> float:
    size = xp.abs(d)
    inner = xp.minimum(size, delta)
    size -= 0.5 * inner
    size *= inner
    return float(xp.sum(size, dtype=np.float64))
