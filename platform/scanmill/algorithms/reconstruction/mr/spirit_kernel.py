"""SPIRiT's kernel: every sample of k-space from all its neighbours in all coils, as a matrix in every voxel."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.reconstruction.mr.neighbourhoods import (
    KernelShape,
    NeighbourProducts,
    all_offsets,
    check_calibration,
    check_kernel_shape,
    ridge,
)
from scanmill.arrays import Array, HostArray, xp_of


def spirit_matrices(
    calibration: Array, kernel_shape: KernelShape, regularisation: float, image_shape: tuple[int, int, int]
) -> Array:
    """G of every voxel, (coil, coil, z, y, x), so that F⁻¹ of full k-space is (nearly) G times itself.

    Lustig & Pauly, Magn. Reson. Med. 64 (2010) 457, eqs. 5 and 11. The weights w of all neighbours but the sample
    itself come from one inverse P of Sᴴ S + λ: w_c = -P_c / P_cc, the regression of one column on the others.
    A neighbour at offset o turns by exp(-2 pi i o r / n), r from voxel n // 2.
    """
    check_kernel_shape(kernel_shape)
    n_coils, xp = len(calibration), xp_of(calibration)
    check_calibration(calibration, n_coils, kernel_shape)
    offsets = all_offsets(kernel_shape)
    gram, _ = NeighbourProducts(calibration, kernel_shape, at_once=False).of(offsets)
    coils = xp.arange(n_coils)
    own = coils * len(offsets) + len(offsets) // 2
    units = xp.zeros((len(gram), n_coils), dtype=gram.dtype)
    units[own, coils] = 1
    columns = ridge(gram, units, regularisation)
    weights = -columns / columns[own, coils]
    weights[own, coils] = 0
    kernel = weights.T.reshape(n_coils, n_coils, *kernel_shape).astype(calibration.dtype)
    for axis, (n, size) in enumerate(zip(image_shape, kernel_shape, strict=True)):
        turns = xp.asarray(_turns(n, size).astype(calibration.dtype))
        kernel = xp.moveaxis(xp.tensordot(kernel, turns, axes=(2 + axis, 1)), -1, 2 + axis)
    return xp.ascontiguousarray(kernel)


def _turns(n: int, size: int) -> HostArray:
    """exp(-2 pi i o r / n), (voxel, offset)."""
    turns: HostArray = np.exp(-2j * np.pi / n * np.outer(np.arange(n) - n // 2, np.arange(size) - size // 2))
    return turns


def times(matrices: Array, images: Array, *, adjoint: bool = False) -> Array:
    """The matrix (coil, coil, z, y, x) of every voxel, or its adjoint, times the coils of images (coil, z, y, x)."""
    if adjoint:
        rows = [(row.conj() * images).sum(axis=0) for row in matrices.swapaxes(0, 1)]
        return xp_of(images).stack(rows)
    out = matrices[:, 0] * images[0]
    for coil in range(1, len(images)):
        out += matrices[:, coil] * images[coil]
    return out
