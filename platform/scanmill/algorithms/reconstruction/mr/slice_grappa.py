"""Slice-GRAPPA: slices that were excited at once, told apart by their coils."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanmill.algorithms.reconstruction.mr.neighbourhoods import (
    KernelShape,
    all_offsets,
    check_calibration,
    check_kernel_shape,
    neighbours,
    products,
    ridge,
)
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def slice_grappa(
    kspace: Array,
    calibration: Array,
    *,
    fov_shifts: Sequence[float] | None = None,
    kernel_shape: KernelShape = (1, 5, 5),
    regularisation: float = 1e-3,
    is_split: bool = True,
) -> Array:
    """The k-space of each slice (batch, slice, coil, z, y, x) from that of their sum (batch, coil, z, y, x).

    Setsompop et al., Magn. Reson. Med. 67 (2012) 1210, eqs. 3 and 4: one kernel for each slice, fitted to
    ``calibration`` (slice, coil, z, y, x), fully sampled reference samples of every slice by itself. ``is_split``
    also fits the kernel to give nothing of the other slices (Cauley et al., ibid. 72 (2014) 93, eq. 7).

    ``fov_shifts`` are the shifts of the slices along y that blipped CAIPI made, as parts of the field of view: the
    slices come back unshifted, as the calibration is. Where lines are missing give only those measured, of both: the
    kernel then spans every R-th line. ``kernel_shape`` and ``regularisation`` are those of `grappa`.
    """
    check_weight(regularisation)
    check_kernel_shape(kernel_shape)
    n_slices, xp = len(calibration), xp_of(kspace)
    shifts = np.zeros(n_slices) if fov_shifts is None else np.asarray(fov_shifts, dtype=float)
    if kspace.ndim != 5 or shifts.shape != (n_slices,):
        raise InputError("slice-GRAPPA needs k-space and a shift for each slice", got=(kspace.shape, shifts.shape))
    for reference in calibration:
        check_calibration(reference, kspace.shape[1], kernel_shape)
    references = [shifted(reference, shift) for reference, shift in zip(calibration, shifts, strict=True)]
    weights = _weights(references, kernel_shape, regularisation, is_split=is_split)
    half = [n // 2 for n in kernel_shape]
    padded = xp.pad(kspace, [(0, 0), (0, 0), *((h, h) for h in half)])
    slices = xp.empty((len(kspace), n_slices, *kspace.shape[1:]), dtype=kspace.dtype)
    for item, k in enumerate(padded):
        around = neighbours(k, all_offsets(kernel_shape), kernel_shape)
        for number, w in enumerate(weights):
            slices[item, number] = shifted((w.T @ around).reshape(kspace.shape[1:]), -shifts[number])
    return slices


def shifted(kspace: Array, fov_shift: float) -> Array:
    """K-space (..., y, x) of the image shifted by a part of the field of view along y: exp(-2 pi i k_y shift) k."""
    xp, n = xp_of(kspace), kspace.shape[-2]
    phase = np.exp(-2j * np.pi * fov_shift * (np.arange(n) - n // 2))
    return kspace * xp.asarray(phase.astype(kspace.dtype))[:, None]


def _weights(
    references: list[Array], kernel_shape: KernelShape, regularisation: float, *, is_split: bool
) -> list[Array]:
    """For each slice the weights (coil and offset, coil), from the sum of the slices or from each by itself."""
    offsets, middle = all_offsets(kernel_shape), all_offsets((1, 1, 1))
    targets = [neighbours(reference, middle, kernel_shape) for reference in references]
    if is_split:
        around = [neighbours(reference, offsets, kernel_shape) for reference in references]
        gram = sum((products(a, a) for a in around[1:]), products(around[0], around[0]))
        moments = [products(a, t) for a, t in zip(around, targets, strict=True)]
    else:
        total = neighbours(sum(references[1:], references[0]), offsets, kernel_shape)
        gram, moments = products(total, total), [products(total, t) for t in targets]
    return [ridge(gram, m, regularisation).astype(references[0].dtype) for m in moments]
