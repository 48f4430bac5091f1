"""The kernels of GRAPPA: one for each pattern of measured neighbours, fitted to reference samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.reconstruction.mr.missing_patterns import MissingPattern, missing_patterns
from scanmill.algorithms.reconstruction.mr.neighbourhoods import (
    KernelShape,
    NeighbourProducts,
    all_offsets,
    ridge,
)
from scanmill.arrays import Array, HostArray, xp_of

GATHERED_BYTES = 2**26
"""How many bytes of neighbours are gathered at a time."""
PLACES = 5
"""For each weight that a whole kernel could have, so many of its places are fitted at most."""


@dataclass(frozen=True, eq=False)
class GrappaKernels:
    """What fills the missing samples of a mask (z, y, x): for each pattern weights (shift, coil, coil and offset).

    Along ``readout`` (0, 1 or 2, for z, y or x; or None) nothing is missing: whole lines are filled by a convolution
    along it, so that one product of matrices serves all lines of a pattern.
    """

    sampling_mask: HostArray
    readout: int | None
    kernel_shape: KernelShape
    patterns: list[MissingPattern]
    weights: list[Array]

    def fill(self, kspace: Array) -> Array:
        """A copy of k-space (coil, z, y, x) with the missing samples filled."""
        xp = xp_of(kspace)
        filled = readout_last(xp.where(xp.asarray(self.sampling_mask), kspace, 0), self.readout)
        half = [n // 2 for n in kernel_readout_last(self.kernel_shape, self.readout)]
        padded = xp.pad(filled, [(0, 0), *((h, h) for h in half)])
        filled = filled.copy()
        for pattern, weights in zip(self.patterns, self.weights, strict=True):
            line_bytes = len(kspace) * len(pattern.offsets) * padded.shape[-1] * padded.itemsize
            for points in np.array_split(pattern.points, -(-len(pattern.points) * line_bytes // GATHERED_BYTES)):
                places = points + pattern.offsets[:, None] + half[:-1]
                filled[(slice(None), *xp.asarray(points.T))] = _convolve(padded, places, weights)
        return filled[..., 0] if self.readout is None else xp.moveaxis(filled, -1, self.readout - 3)


def _convolve(padded: Array, places: HostArray, weights: Array) -> Array:
    """Σ w k over the coils, the lines at ``places`` (offset, point, axis) and the shifts along them, (coil, point, x).

    All lines lie one after the other, each with its margin, so that a shift is a slice.
    """
    xp, n_shifts = xp_of(padded), len(weights)
    flat = padded.reshape(len(padded), -1, padded.shape[-1])
    numbers = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), padded.shape[1:-1])
    lines = xp.take(flat, xp.asarray(numbers), axis=1).reshape(weights.shape[-1], -1)
    length = lines.shape[1] - n_shifts + 1
    out = xp.empty((len(padded), lines.shape[1]), dtype=padded.dtype)
    xp.matmul(weights[0], lines[:, :length], out=out[:, :length])
    for shift in range(1, n_shifts):
        out[:, :length] += weights[shift] @ lines[:, shift : shift + length]
    return out.reshape(len(padded), -1, padded.shape[-1])[..., : padded.shape[-1] - n_shifts + 1]


def fit_kernels(
    calibration: Array, sampling_mask: HostArray, kernel_shape: KernelShape, regularisation: float
) -> GrappaKernels:
    """The kernels for every pattern of a mask (z, y, x), by least squares over a block (coil, z, y, x).

    Of a long readout the middle is enough: about `PLACES` equations for each weight.
    """
    xp, readout = xp_of(calibration), readout_axis(sampling_mask)
    kernel = kernel_readout_last(kernel_shape, readout)
    patterns = missing_patterns(readout_last(sampling_mask, readout)[..., 0], kernel[:-1])
    offsets = [_with_shifts(pattern.offsets, kernel[-1]) for pattern in patterns]
    at_once = sum(len(o) ** 2 for o in offsets) > int(np.prod(kernel)) ** 2
    fit = NeighbourProducts(_middle(readout_last(calibration, readout), kernel), kernel, at_once=at_once)
    weights = []
    for places in offsets:
        w = ridge(*fit.of(places), regularisation).astype(calibration.dtype)
        by_shift = w.reshape(len(calibration), -1, kernel[-1], len(calibration)).transpose(2, 3, 0, 1)
        weights.append(xp.ascontiguousarray(by_shift.reshape(kernel[-1], len(calibration), -1)))
    return GrappaKernels(sampling_mask, readout, kernel_shape, patterns, weights)


def _middle(block: Array, kernel: tuple[int, ...]) -> Array:
    """The middle of the readout of a block (coil, ..., readout), as long as it needs to be."""
    beside = np.prod([n - k + 1 for n, k in zip(block.shape[1:-1], kernel[:-1], strict=True)])
    length = int(np.ceil(PLACES * len(block) * np.prod(kernel) / beside)) + kernel[-1] - 1
    first = max(0, (block.shape[-1] - length) // 2)
    return block[..., first : first + length]


def _with_shifts(offsets: HostArray, n_shifts: int) -> HostArray:
    """Each offset with every shift along the readout, (offset and shift, axis)."""
    shifts = all_offsets((n_shifts,))
    return np.hstack([np.repeat(offsets, n_shifts, axis=0), np.tile(shifts, (len(offsets), 1))])


def readout_axis(sampling_mask: HostArray) -> int | None:
    """The longest of the axes z, y, x along which the mask does not change, or None."""
    same = [axis for axis in range(3) if (sampling_mask == sampling_mask.take([0], axis)).all()]
    longest = max(same, key=lambda axis: sampling_mask.shape[axis], default=None)
    return longest if longest is not None and sampling_mask.shape[longest] > 1 else None


def readout_last(array: Array, readout: int | None) -> Array:
    """Axes (..., z, y, x) with the readout as the last one; with a readout of one sample where there is none."""
    return array[..., None] if readout is None else xp_of(array).moveaxis(array, readout - 3, -1)


def kernel_readout_last(kernel_shape: KernelShape, readout: int | None) -> tuple[int, ...]:
    """The sizes of a kernel along the axes of `readout_last`."""
    if readout is None:
        return (*kernel_shape, 1)
    return (*kernel_shape[:readout], *kernel_shape[readout + 1 :], kernel_shape[readout])
