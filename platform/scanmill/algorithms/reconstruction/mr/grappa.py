"""GRAPPA: missing samples of k-space as weighted sums of their measured neighbours in all coils."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.calibration.calibration_region import calibration_region
from scanmill.algorithms.reconstruction.mr.grappa_kernels import GrappaKernels, fit_kernels
from scanmill.algorithms.reconstruction.mr.item_masks import item_masks
from scanmill.algorithms.reconstruction.mr.neighbourhoods import KernelShape, check_calibration, check_kernel_shape
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.errors import InputError

READOUT = 5
"""How many samples the kernel spans along an axis on which nothing is missing."""


def grappa(
    kspace: Array,
    sampling_mask: Array | None = None,
    *,
    calibration: Array | None = None,
    kernel_shape: KernelShape | None = None,
    regularisation: float = 1e-2,
) -> Array:
    """Full k-space (batch, coil, z, y, x): each missing sample Σ w k over the measured ones around it, in all coils.

    Griswold et al., Magn. Reson. Med. 47 (2002) 1202; on kz and ky at once Blaimer et al., ibid. 56 (2006) 1359; any
    regular, CAIPIRINHA (Breuer et al., ibid. 55 (2006) 549) or irregular pattern, since there is a kernel for every
    pattern of measured neighbours that occurs in the mask. Its weights are the least squares over all places of
    ``calibration`` (batch or 1, coil, z, y, x) or, without it, of the fully sampled middle of k-space, with
    ‖w‖² weighted by ``regularisation`` times the mean energy of a sample.

    ``sampling_mask`` broadcasts to (batch, z, y, x); None: measured is what is not zero in every coil. ``kernel_shape``
    (z, y, x) is odd; unless given it spans 5 samples where nothing is missing, else two measured lines to each side.
    Measured samples stay as they are; those that no kernel reaches stay zero (partial Fourier). Raises InputError where
    there is no calibration region or a too small one.
    """
    check_weight(regularisation)
    if kspace.ndim != 5:
        raise InputError("GRAPPA needs k-space", expected="(batch, coil, z, y, x)", got=tuple(kspace.shape))
    masks = item_masks(kspace, sampling_mask)
    filled, kernels = xp_of(kspace).empty_like(kspace), None
    for item, k in enumerate(kspace):
        if kernels is None or len(masks) > 1 or calibration is None or len(calibration) > 1:
            mask = masks[item % len(masks)]
            reference = None if calibration is None else calibration[item % len(calibration)]
            kernels = _kernels(k, mask, reference, kernel_shape, regularisation)
        filled[item] = kernels.fill(k)
    return filled


def _kernels(
    k: Array, mask: HostArray, calibration: Array | None, kernel_shape: KernelShape | None, regularisation: float
) -> GrappaKernels:
    reference = k[(slice(None), *calibration_region(mask))] if calibration is None else calibration
    kernel_shape = kernel_shape or default_kernel_shape(mask, reference.shape[1:])
    check_kernel_shape(kernel_shape)
    check_calibration(reference, len(k), kernel_shape)
    return fit_kernels(reference, mask, kernel_shape, regularisation)


def default_kernel_shape(sampling_mask: HostArray, calibration_shape: tuple[int, ...]) -> KernelShape:
    """For each axis of a mask (z, y, x): 5 where no line is missing, else two measured lines to each side, or one where
    the calibration is too small for more."""
    z, y, x = (_span(sampling_mask, axis, calibration_shape[axis]) for axis in range(3))
    return z, y, x


def _span(mask: HostArray, axis: int, n_calibration: int) -> int:
    if mask.shape[axis] == 1:
        return 1
    lines = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    distance = int(np.diff(lines).max()) if len(lines) > 1 else 1
    if distance == 1:
        return READOUT
    return 4 * distance - 1 if n_calibration >= 1.5 * (4 * distance - 1) else 2 * distance - 1
