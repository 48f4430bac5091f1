"""Coil sensitivities as a few low frequencies, the smoother the less they cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import SpecError
from scanmill.operators.linear import LinearOperator, Shape

SOBOLEV = (220.0, 32.0)
"""a and b of the weights (1 + a |k / n|²)^(b / 2), Uecker et al. 2008."""
NEGLIGIBLE = 1e-6
"""Frequencies of less weight than this are left out."""


class SmoothCoilsOp(LinearOperator):
    """c = F⁻¹ W ĉ: coefficients (batch, coil, kz, ky, kx) to coil sensitivities (batch, coil, z, y, x).

    W = (1 + a |k / n|²)^(-b / 2), so that ‖ĉ‖² is a Sobolev norm of c (Uecker, Hohage, Block & Frahm, Magn. Reson. Med.
    60 (2008) 674, eq. 12). The frequencies are those of a field of view ``oversampling`` times as large, so that c need
    not be periodic; only those with a weight that matters are kept, and F⁻¹ is a small matrix for each axis.
    ``shape`` is that of the sensitivities.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        oversampling: float = 2.0,
        sobolev: tuple[float, float] = SOBOLEV,
        dtype: Any = np.complex64,
    ) -> None:
        a, b = sobolev
        if not (a > 0 and b > 0 and oversampling >= 1):
            raise SpecError("smooth coils need positive weights and a whole field of view", got=(sobolev, oversampling))
        reach = np.sqrt((NEGLIGIBLE ** (-2 / b) - 1) / a)
        axes = [_frequencies(n, oversampling, reach) for n in shape[2:]]
        super().__init__((*shape[:2], *(len(f) for f in axes)), shape, dtype)
        squares = sum(np.meshgrid(*(f**2 for f in axes), indexing="ij"))
        self._weights = ((1 + a * squares) ** (-b / 2)).astype(self.dtype)
        self._waves = [_waves(n, f, oversampling).astype(self.dtype) for n, f in zip(shape[2:], axes, strict=True)]

    def _apply(self, x: Array) -> Array:
        out = x * xp_of(x).asarray(self._weights)
        for axis, waves in enumerate(self._waves):
            out = _along(out, waves, axis - 3)
        return out

    def _adjoint(self, y: Array) -> Array:
        out = y
        for axis, waves in enumerate(self._waves):
            out = _along(out, waves.conj().T, axis - 3)
        return out * xp_of(y).asarray(self._weights)


def _frequencies(n: int, oversampling: float, reach: float) -> HostArray:
    """Cycles per voxel of the extended field of view, as far as ``reach``; only 0 of an axis of one voxel."""
    if n == 1:
        return np.zeros(1)
    k = np.arange(round(n * oversampling)) - round(n * oversampling) // 2
    f = k / round(n * oversampling)
    return f[abs(f) <= reach]


def _waves(n: int, frequencies: HostArray, oversampling: float) -> HostArray:
    """exp(2 pi i f r) / √N of the extended field of view, (voxel, frequency), r from voxel n // 2."""
    length = 1 if n == 1 else round(n * oversampling)
    waves: HostArray = np.exp(2j * np.pi * np.outer(np.arange(n) - n // 2, frequencies)) / np.sqrt(length)
    return waves


def _along(x: Array, matrix: HostArray, axis: int) -> Array:
    """The matrix times the vectors along an axis."""
    xp = xp_of(x)
    if x.shape[axis] == 1 and matrix.shape == (1, 1):
        return x
    moved = xp.moveaxis(x, axis, -1) @ xp.asarray(matrix).T
    return xp.moveaxis(moved, -1, axis)
