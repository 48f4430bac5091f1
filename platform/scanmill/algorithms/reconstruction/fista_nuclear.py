"""FISTA with the nuclear norm: several images at once, which are mixtures of few."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.items import PerItem
from scanmill.algorithms.reconstruction.iteration import NON_NEGATIVE, Bounds, Callback
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.algorithms.reconstruction.total_variation import shortening
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators import LinearOperator
from scanmill.operators.stack import IdentityOp


def fista_nuclear(
    op: LinearOperator,
    y: Array,
    *,
    weight: float,
    patch: Sequence[int] | None = None,
    n_iterations: int = 100,
    n_inner: int = 5,
    bounds: Bounds = NON_NEGATIVE,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α ‖x‖_* inside the bounds for x of (channel, z, y, x), α = ``weight``, by `fista`.

    Channels are energies, time frames or contrasts; ``op`` is usually a `StackOp` of one projector a channel. The
    nuclear norm is that of the matrix (channel, voxel) (Gao et al., Inverse Probl. 27 (2011) 115012), or with
    ``patch`` (z, y, x voxels) the sum over blocks of that size, which need to be of low rank only by themselves
    (Trzasko & Manduca, Asilomar 2011). Knobs and errors as in `fista`.
    """
    return fista(
        op,
        y,
        NuclearNorm(op, patch),
        weight=weight,
        n_iterations=n_iterations,
        n_inner=n_inner,
        bounds=bounds,
        seed=seed,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )


class NuclearNorm(Sparsity):
    """The sum of the singular values of the (channel, voxel) matrix, or of those of its blocks.

    The singular values come from the small (channel, channel) Gram matrices, which is exact enough to cut the large
    ones. Blocks at the upper ends may be smaller than ``patch``.
    """

    norm_squared = 1.0
    unitary = True

    def __init__(self, op: LinearOperator, patch: Sequence[int] | None = None) -> None:
        shape = op.in_shape
        if len(shape) < 2:
            raise SpecError("a nuclear norm needs channels", expected="(channel, ...)", got=shape)
        self.patch = tuple(shape[1:] if patch is None else patch)
        if len(self.patch) != len(shape) - 1 or min(self.patch) < 1:
            raise SpecError("a patch needs a size for every axis but the channels", expected=shape[1:], got=patch)
        self.analysis: LinearOperator = IdentityOp(shape, dtype=op.dtype)

    def value(self, coefficients: Array) -> float:
        """Σ σ over all blocks."""
        matrices = self._matrices(coefficients)
        xp = xp_of(matrices)
        eigenvalues = xp.linalg.eigvalsh(_gram(matrices))
        return float(xp.sqrt(xp.maximum(eigenvalues, 0)).sum())

    def inside(self, dual: Array, radius: PerItem) -> Array:
        """Singular values above the radius cut to it."""
        matrices = self._matrices(dual)
        xp = xp_of(matrices)
        squares, U = xp.linalg.eigh(_gram(matrices))
        factor = shortening(xp.sqrt(xp.maximum(squares, 0)), radius)
        cut = (U * factor[..., None, :]) @ U.swapaxes(-1, -2).conj()
        return self._image(cut.astype(dual.dtype) @ matrices, tuple(dual.shape))

    def _matrices(self, image: Array) -> Array:
        """(..., channel, voxels of a block), the image continued with zeros, which change no singular value."""
        n_channels, xp = image.shape[0], xp_of(image)
        pads = [(0, -n % p) for n, p in zip(image.shape[1:], self.patch, strict=True)]
        padded = xp.pad(image, [(0, 0), *pads])
        blocks = [part for n, p in zip(padded.shape[1:], self.patch, strict=True) for part in (n // p, p)]
        n_axes = len(self.patch)
        order = [*range(1, 2 * n_axes, 2), 0, *range(2, 2 * n_axes + 1, 2)]
        split = padded.reshape(n_channels, *blocks).transpose(order)
        return split.reshape(math.prod(blocks[::2]), n_channels, math.prod(self.patch))

    def _image(self, matrices: Array, shape: tuple[int, ...]) -> Array:
        counts = [-(-n // p) for n, p in zip(shape[1:], self.patch, strict=True)]
        n_axes = len(self.patch)
        split = matrices.reshape(*counts, shape[0], *self.patch)
        order = [n_axes, *(axis for i in range(n_axes) for axis in (i, n_axes + 1 + i))]
        whole = split.transpose(order).reshape(shape[0], *(n * p for n, p in zip(counts, self.patch, strict=True)))
        return whole[tuple(slice(n) for n in shape)]


def _gram(matrices: Array) -> Array:
    """M Mᴴ of every block, in double precision."""
    product = matrices @ matrices.swapaxes(-1, -2).conj()
    return product.astype("complex128" if product.dtype.kind == "c" else "float64")
