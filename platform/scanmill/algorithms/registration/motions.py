"""Linear maps by few numbers, all in mm: what a linear registration turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scanmill.arrays import HostArray
from scanmill.data.transforms import Affine, LinearTransform, Rigid, Similarity, Translation
from scanmill.errors import SpecError

Model = Literal["translation", "rigid", "similarity", "affine"]


@dataclass(frozen=True, eq=False)
class Motion:
    """y = exp(K) M (x - c) + c + t + shift, about the ``start`` y = M (x - c) + c + t.

    The first numbers of p are the shift along the fixed grid's axes in mm, the others the turn, scale and shear K times
    ``radius``, so that a step of 1 moves the samples by about 1 mm whichever number takes it. A grid with one plane
    stays in its plane.
    """

    model: Model
    start: HostArray
    center: HostArray
    radius: float
    axes: HostArray
    n_dims: int

    @property
    def shifts(self) -> HostArray:
        """The directions of shifts, (n, 3)."""
        return np.asarray(self.axes.T[: self.n_dims])

    @property
    def generators(self) -> HostArray:
        """The directions of K, (n, 3, 3)."""
        return np.array([self.axes @ k @ self.axes.T / self.radius for k in _generators(self.model, self.n_dims)])

    @property
    def n_numbers(self) -> int:
        """The size of p."""
        return len(self.shifts) + len(_generators(self.model, self.n_dims))

    def affine(self, p: HostArray) -> HostArray:
        """The 4x4 matrix from fixed to moving points in LPS mm."""
        out = np.eye(4)
        out[:3, :3] = exponential(self._k(p)) @ self.start[:3, :3]
        out[:3, 3] = self._moved_center(p) - out[:3, :3] @ self.center
        return out

    def centred(self, p: HostArray, point_to_index: HostArray) -> HostArray:
        """The matrix (3, 4) from points about the centre to an index of the moving image."""
        turn = point_to_index[:3, :3]
        where = turn @ self._moved_center(p) + point_to_index[:3, 3]
        return np.column_stack([turn @ exponential(self._k(p)) @ self.start[:3, :3], where])

    def slopes(self, p: HostArray, point_to_index: HostArray) -> HostArray:
        """How the twelve numbers of `centred` change with p, (12, n)."""
        turn, n = point_to_index[:3, :3], self.n_dims
        out = np.zeros((3, 4, self.n_numbers))
        out[:, 3, :n] = turn @ self.shifts.T
        if self.n_numbers > n:
            changes = exponential_slopes(self._k(p), self.generators)
            out[:, :3, n:] = np.moveaxis(turn @ changes @ self.start[:3, :3], 0, -1)
        return out.reshape(12, -1)

    def transform(self, p: HostArray) -> LinearTransform:
        """As the model's kind where the start is of it too, else affine."""
        return as_model(self.model, self.affine(p), self.center)

    def _k(self, p: HostArray) -> HostArray:
        rest = p[self.n_dims :]
        return np.asarray(np.tensordot(rest, self.generators, 1)) if len(rest) else np.zeros((3, 3))

    def _moved_center(self, p: HostArray) -> HostArray:
        shift = p[: self.n_dims] @ self.shifts
        return np.asarray(self.start[:3, :3] @ self.center + self.start[:3, 3] + shift)


def exponential(k: HostArray) -> HostArray:
    """exp of square matrices (..., n, n), by its series after halving; small ones need no solver, and no threads."""
    halvings = max(0, int(np.ceil(np.log2(max(float(np.abs(k).sum(axis=-1).max()), 1e-300)))) + 1)
    small, term = k / 2**halvings, np.broadcast_to(np.eye(k.shape[-1]), k.shape)
    out = term.copy()
    for n in range(1, 16):
        term = term @ small / n
        out += term
    for _ in range(halvings):
        out = out @ out
    return out


def exponential_slopes(k: HostArray, along: HostArray) -> HostArray:
    """The derivatives of exp(k) along matrices (m, n, n): a corner of exp [[k, e], [0, k]] (Mathias, 1996)."""
    n = k.shape[-1]
    blocks = np.zeros((len(along), 2 * n, 2 * n))
    blocks[:, :n, :n] = blocks[:, n:, n:] = k
    blocks[:, :n, n:] = along
    return exponential(blocks)[:, :n, n:]


def as_model(model: Model, affine: HostArray, center: HostArray) -> LinearTransform:
    """The transform about ``center``; affine where the matrix is more than the model has."""
    matrix = affine[:3, :3]
    translation = matrix @ center + affine[:3, 3] - center
    scale = float(np.cbrt(np.linalg.det(matrix)))
    is_turn = np.allclose(matrix.T @ matrix, scale**2 * np.eye(3), atol=1e-9)
    if model == "translation" and np.allclose(matrix, np.eye(3), atol=1e-12):
        return Translation(translation)
    if model in ("translation", "rigid") and is_turn and abs(scale - 1) < 1e-9:
        return Rigid.from_matrix(matrix, translation, center)
    if model == "similarity" and is_turn:
        return Similarity(Rigid.from_matrix(matrix / scale).versor, translation, scale, center)
    return Affine(matrix, translation, center)


def _generators(model: Model, n_dims: int) -> list[HostArray]:
    """Turns, then the scale, or then all stretches and shears."""
    axes = range(n_dims)
    planes = [(a, b) for a in axes for b in axes if a < b]
    turns = [_unit(b, a) - _unit(a, b) for a, b in planes]
    shears = [(_unit(b, a) + _unit(a, b)) / np.sqrt(2) for a, b in planes]
    stretches = [_unit(a, a) for a in axes]
    kinds: dict[str, list[HostArray]] = {
        "translation": [],
        "rigid": turns,
        "similarity": [*turns, sum(stretches, np.zeros((3, 3)))],
        "affine": [*turns, *stretches, *shears],
    }
    if model not in kinds:
        raise SpecError("unknown model of a linear registration", expected=" or ".join(kinds), got=model)
    return kinds[model]


def _unit(row: int, column: int) -> HostArray:
    out = np.zeros((3, 3))
    out[row, column] = 1.0
    return out
