"""Neighbouring samples of k-space as the rows of a matrix, and the weights that predict others from them."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from scanmill.arrays import Array, HostArray, is_device_array, xp_of
from scanmill.errors import InputError, SpecError

KernelShape: TypeAlias = tuple[int, int, int]
"""How many samples along z, y and x a kernel spans, its own place in the middle: odd numbers."""


def check_kernel_shape(kernel_shape: KernelShape) -> None:
    """Refuse, with SpecError, a kernel without a middle."""
    if any(n < 1 or n % 2 == 0 for n in kernel_shape):
        raise SpecError("a kernel needs three odd sizes", expected="(z, y, x)", got=kernel_shape)


def check_calibration(calibration: Array, n_coils: int, kernel_shape: KernelShape) -> None:
    """Refuse, with InputError, reference samples (coil, z, y, x) that are too few or of other coils."""
    shape = tuple(calibration.shape)
    if len(shape) != 4 or shape[0] != n_coils:
        raise InputError("the calibration does not fit k-space", expected=(n_coils, "z", "y", "x"), got=shape)
    if any(n < k for n, k in zip(shape[1:], kernel_shape, strict=True)):
        raise InputError(
            "the calibration region is smaller than the kernel",
            expected=f"(z, y, x) of at least {kernel_shape}",
            got=shape[1:],
            do="take a smaller kernel or give reference lines",
        )


def all_offsets(kernel_shape: tuple[int, ...]) -> HostArray:
    """Every place of a kernel relative to its middle, (place, axis), in array order.

    >>> all_offsets((1, 3)).tolist()
    [[0, -1], [0, 0], [0, 1]]
    """
    return np.array(list(product(*(range(-(n // 2), n // 2 + 1) for n in kernel_shape))))


def neighbours(block: Array, offsets: HostArray, kernel_shape: tuple[int, ...]) -> Array:
    """The samples at ``offsets`` (place, axis) from wherever the kernel fits into a block (coil, ...).

    A row for each coil and offset, in this order; a column for each place of the kernel.
    """
    n_places = [n - k + 1 for n, k in zip(block.shape[1:], kernel_shape, strict=True)]
    starts = np.asarray(offsets) + np.array(kernel_shape) // 2
    shifted = [
        block[(slice(None), *(slice(int(s), int(s) + n) for s, n in zip(start, n_places, strict=True)))]
        for start in starts
    ]
    return xp_of(block).stack(shifted, axis=1).reshape(block.shape[0] * len(starts), -1)


def products(left: Array, right: Array) -> Array:
    """Σ conj(left) right over the columns, (row of left, row of right), in double precision."""
    return (left.conj() @ right.T).astype(np.complex128)


class NeighbourProducts:
    """Sᴴ S and Sᴴ t of the samples around the middle of a kernel, over all its places in a block (coil, ...).

    ``at_once`` multiplies all neighbours with all others, once; otherwise those asked for, each time.
    """

    def __init__(self, block: Array, kernel_shape: tuple[int, ...], *, at_once: bool) -> None:
        self.block, self.kernel_shape = block, kernel_shape
        self._all = self._products(all_offsets(kernel_shape), all_offsets(kernel_shape)) if at_once else None

    def of(self, offsets: HostArray) -> tuple[Array, Array]:
        """Sᴴ S of the neighbours at ``offsets`` and Sᴴ t for the sample in the middle, of all coils."""
        middle = np.zeros((1, len(self.kernel_shape)), dtype=int)
        if self._all is None:
            return self._products(offsets, offsets), self._products(offsets, middle)
        rows, columns = self._rows(offsets), self._rows(middle)
        return self._all[rows[:, None], rows], self._all[rows[:, None], columns]

    def _products(self, left: HostArray, right: HostArray) -> Array:
        rows = neighbours(self.block, left, self.kernel_shape)
        return products(rows, rows if right is left else neighbours(self.block, right, self.kernel_shape))

    def _rows(self, offsets: HostArray) -> Array:
        """Where the products of all coils at these offsets stand in those of all neighbours."""
        places = np.ravel_multi_index((offsets + np.array(self.kernel_shape) // 2).T, self.kernel_shape)
        first = np.arange(len(self.block)) * int(np.prod(self.kernel_shape))
        return xp_of(self.block).asarray((first[:, None] + places).ravel())


def ridge(gram: Array, moments: Array, regularisation: float) -> Array:
    """argmin ‖Sᵀ w - t‖² + λ ‖w‖² from Sᴴ S and Sᴴ t; λ is ``regularisation`` times the mean of the diagonal."""
    xp, n = xp_of(gram), len(gram)
    scale = float(xp.trace(gram).real) / n
    if not 0 < scale < float("inf"):
        raise InputError("the calibration region holds no signal", got=f"mean energy {scale:.3g}")
    positive = gram + regularisation * scale * xp.eye(n)
    if is_device_array(gram):
        return xp.linalg.solve(positive, moments)
    try:
        return cho_solve(cho_factor(positive, overwrite_a=True, check_finite=False), moments, check_finite=False)
    except np.linalg.LinAlgError as error:
        raise InputError(
            "the calibration region does not tell the weights of a kernel",
            got=f"{n} weights",
            do="raise the regularisation, take a smaller kernel or more reference samples",
        ) from error
