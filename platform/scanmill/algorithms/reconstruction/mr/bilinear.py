"""The model of NLINV: coil images as the product of an image and smooth coil sensitivities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.reconstruction.items import item_dot
from scanmill.algorithms.reconstruction.mr.smooth_coils import SmoothCoilsOp
from scanmill.arrays import Array, xp_of
from scanmill.operators.linear import LinearOperator

ITEMS = -5
"""The axis of the items of coil images (batch, coil, z, y, x)."""


@dataclass(frozen=True, eq=False)
class BilinearModel:
    """F(ρ, ĉ) = A (ρ · C ĉ), known by Aᴴ A and Aᴴ y alone.

    The unknowns of every item stand in a row of x, (batch, n): ρ, then the coefficients ĉ of all coils.
    """

    gram: LinearOperator
    back: Array
    coils_op: SmoothCoilsOp

    def start(self) -> Array:
        """ρ = 1, ĉ = 0."""
        xp, (n_items, _, *image_shape) = xp_of(self.back), self.back.shape
        ones = xp.ones((n_items, 1, *image_shape), dtype=self.back.dtype)
        return self.join(ones, xp.zeros(self.coils_op.in_shape, dtype=self.back.dtype))

    def join(self, image: Array, coefficients: Array) -> Array:
        """The unknowns from ρ (batch, 1, z, y, x) and ĉ (batch, coil, kz, ky, kx)."""
        n = len(image)
        return xp_of(image).concatenate([image.reshape(n, -1), coefficients.reshape(n, -1)], axis=1)

    def split(self, x: Array) -> tuple[Array, Array]:
        """ρ and ĉ of the unknowns."""
        n_items, _, *image_shape = self.back.shape
        n_voxels = int(np.prod(image_shape))
        image = x[:, :n_voxels].reshape(n_items, 1, *image_shape)
        return image, x[:, n_voxels:].reshape(self.coils_op.in_shape)

    def at(self, x: Array) -> Linearisation:
        """The model around the unknowns x."""
        image, coefficients = self.split(x)
        coils = self.coils_op(coefficients)
        coil_images = image * coils
        seen = self.gram(coil_images)
        misfit: Array = item_dot(coil_images, seen - 2 * self.back, ITEMS)
        return Linearisation(self, image, coils, self.back - seen, misfit.reshape(-1, 1))


@dataclass(frozen=True, eq=False)
class Linearisation:
    """The model around an ``image`` ρ and ``coils`` c: ``towards`` is Aᴴ (y - A (ρ c)), ``misfit`` (batch, 1)
    ‖A (ρ c) - y‖² - ‖y‖²."""

    model: BilinearModel
    image: Array
    coils: Array
    towards: Array
    misfit: Array

    def adjoint(self, coil_images: Array) -> Array:
        """(Σ c* z, Cᴴ ρ* z): the adjoint of (dρ, dĉ) → dρ c + ρ C dĉ."""
        image = (self.coils.conj() * coil_images).sum(axis=1, keepdims=True)
        return self.model.join(image, self.model.coils_op.H(self.image.conj() * coil_images))

    def normal(self, step: Array, *, weight: float) -> Array:
        """(DFᴴ DF + ``weight``) times a step of the unknowns."""
        image, coefficients = self.model.split(step)
        coil_images = image * self.coils + self.image * self.model.coils_op(coefficients)
        return self.adjoint(self.model.gram(coil_images)) + weight * step
