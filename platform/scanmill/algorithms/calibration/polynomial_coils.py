"""Coil sensitivities as polynomials, seen through an image that is known."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators.linear import LinearOperator


def legendre_basis(image_shape: tuple[int, int, int], degree: int) -> HostArray:
    """Products of Legendre polynomials over (z, y, x), in total of ``degree`` or less: float64 (term, z, y, x).

    Each axis runs from −1 to 1 over its voxels, so that high degrees stay well conditioned; an axis of one voxel has
    the constant alone.

    >>> legendre_basis((1, 1, 3), 2)[:, 0, 0].tolist()
    [[1.0, 1.0, 1.0], [-1.0, 0.0, 1.0], [1.0, -0.5, 1.0]]
    """
    if degree < 0:
        raise SpecError("a polynomial has a degree of 0 or more", got=degree)
    places = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in image_shape]
    z, y, x = (np.polynomial.legendre.legvander(place, degree).T for place in places)
    powers = product(*(range(degree + 1 if n > 1 else 1) for n in image_shape))
    terms = [z[i][:, None, None] * y[j][:, None] * x[k] for i, j, k in powers if i + j + k <= degree]
    return np.stack(terms)


class PolynomialCoilsOp(LinearOperator):
    """Coefficients (batch, coil, term) to coil images (batch, coil, z, y, x): Σ_term coefficient · basis · image.

    ``image`` is (batch, 1, z, y, x), ``basis`` (term, z, y, x).
    """

    def __init__(self, image: Array, basis: Array, n_coils: int, *, dtype: Any = np.complex64) -> None:
        if image.ndim != 5 or image.shape[1] != 1 or image.shape[2:] != basis.shape[1:]:
            raise InputError("image and basis do not fit", expected=("batch", 1, *basis.shape[1:]), got=image.shape)
        n_items, _, *shape = image.shape
        super().__init__((n_items, n_coils, len(basis)), (n_items, n_coils, *shape), dtype)
        self.image = image.astype(self.dtype, copy=False)
        self.basis = basis.astype(self.dtype, copy=False)

    def sensitivities(self, x: Array) -> Array:
        """The polynomials themselves (batch, coil, z, y, x)."""
        return xp_of(x).tensordot(x, self.basis, axes=(2, 0))

    def _apply(self, x: Array) -> Array:
        return self.sensitivities(x) * self.image

    def _adjoint(self, y: Array) -> Array:
        return xp_of(y).tensordot(self.image.conj() * y, self.basis.conj(), axes=((2, 3, 4), (1, 2, 3)))
