"""What maps points: the law of all transforms, chains of them, and the inverse of those that have no formula."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import InputError


class Transform(ABC):
    """A map of points in LPS mm, **from the fixed image's space into the moving one's**, as in ITK.

    An image is resampled by asking, for every voxel of the fixed grid, where it lies in the moving image. So
    ``a @ b`` maps by b first, and a cascade of registrations is ``first @ second @ ...`` in the order in which they
    were found. A chain resamples once. Subclasses write ``_map``.
    """

    def map(self, points: Array) -> Array:
        """Points (..., 3) as (x, y, z) in mm, to points of the same shape in float64; a GPU's stay on it."""
        xp = xp_of(points)
        points = xp.asarray(points, dtype=np.float64)
        if points.ndim < 1 or points.shape[-1] != 3:
            raise InputError("points need three coordinates (x, y, z)", expected="(..., 3)", got=tuple(points.shape))
        return self._map(points)

    @abstractmethod
    def _map(self, points: Array) -> Array: ...

    @property
    def affine(self) -> HostArray | None:
        """The 4x4 matrix of a map that is linear, else None."""
        return None

    def inverse(self) -> Transform:
        """The map back: exact where there is a formula, else a fixed-point iteration that can state its residual."""
        return FixedPointInverse(self)

    def __matmul__(self, inner: Transform) -> Transform:
        return Chain((*parts_of(self), *parts_of(inner)))


def parts_of(transform: Transform) -> tuple[Transform, ...]:
    """The links of a chain, the last to be applied first; a transform that is none is its own only link."""
    return transform.parts if isinstance(transform, Chain) else (transform,)


def apply_affine(affine: HostArray, points: Array) -> Array:
    """Points (..., 3) by a 4x4 matrix."""
    matrix = xp_of(points).asarray(affine)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


@dataclass(frozen=True, eq=False)
class Chain(Transform):
    """``parts[0] @ parts[1] @ ...``: the last is applied first, as in the files of ITK's CompositeTransform."""

    parts: tuple[Transform, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("a chain of transforms needs a link")

    def _map(self, points: Array) -> Array:
        for part in reversed(self.parts):
            points = part.map(points)
        return points

    @property
    def affine(self) -> HostArray | None:
        """The product of the matrices, if all links are linear."""
        product = np.eye(4)
        for part in self.parts:
            if part.affine is None:
                return None
            product = product @ part.affine
        return product

    def inverse(self) -> Transform:
        """The inverses in the other order."""
        return Chain(tuple(part.inverse() for part in reversed(self.parts)))


@dataclass(frozen=True, eq=False)
class FixedPointInverse(Transform):
    """The x with T(x) = y, found for every point by x <- x + a (y - T(x)) with a step a of 1, halved where it fails.

    It converges where T differs from the identity by a displacement whose slope is below 1, and with halved steps
    often beyond. A point without a pre-image (beyond the edge of a field, in a fold) keeps the nearest that was found;
    `solve` says how far off each one is.
    """

    forward: Transform
    tolerance_mm: float = 1e-4
    max_iterations: int = 60

    def _map(self, points: Array) -> Array:
        return self.solve(points)[0]

    def inverse(self) -> Transform:
        """The transform itself."""
        return self.forward

    def solve(self, points: Array) -> tuple[Array, Array]:
        """The pre-images (..., 3) of ``points``, and the residuals |T(x) - y| (...) in mm."""
        xp = xp_of(points)
        target = xp.asarray(points, dtype=np.float64)
        x = target.copy()
        error = target - self.forward.map(x)
        residual, step = xp.linalg.norm(error, axis=-1), xp.ones(x.shape[:-1])
        for _ in range(self.max_iterations):
            if not (residual > self.tolerance_mm).any():
                break
            trial = x + step[..., None] * error
            trial_error = target - self.forward.map(trial)
            trial_residual = xp.linalg.norm(trial_error, axis=-1)
            better = trial_residual < residual
            x, error = (xp.where(better[..., None], new, old) for new, old in ((trial, x), (trial_error, error)))
            residual, step = (
                xp.where(better, trial_residual, residual),
                xp.where(better, xp.minimum(1, 2 * step), step / 2),
            )
        return x, residual
