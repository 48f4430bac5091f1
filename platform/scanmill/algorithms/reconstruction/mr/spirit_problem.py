"""The problem that SPIRiT's algorithms solve: G k = k for k-space whose measured samples are given."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.calibration.calibration_region import calibration_region
from scanmill.algorithms.reconstruction.mr.item_masks import item_masks
from scanmill.algorithms.reconstruction.mr.neighbourhoods import KernelShape
from scanmill.algorithms.reconstruction.mr.spirit_kernel import spirit_matrices, times
from scanmill.algorithms.reconstruction.total_variation import check_weight
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError
from scanmill.operators.fourier import FourierOp

KERNEL = 7
"""How many samples the kernel spans along an axis that has more than one, unless asked otherwise."""


class SelfConsistency:
    """G - 1 on k-space (batch, coil, z, y, x), a matrix (coil, coil) in every voxel of every item, and the mask."""

    def __init__(
        self,
        kspace: Array,
        sampling_mask: Array | None,
        calibration: Array | None,
        kernel_shape: KernelShape | None,
        regularisation: float,
    ) -> None:
        check_weight(regularisation)
        if kspace.ndim != 5:
            raise InputError("SPIRiT needs k-space", expected="(batch, coil, z, y, x)", got=tuple(kspace.shape))
        masks = item_masks(kspace, sampling_mask)
        _, _, nz, ny, nx = kspace.shape
        image_shape = nz, ny, nx
        if calibration is None:
            blocks = [k[(slice(None), *calibration_region(masks[i % len(masks)]))] for i, k in enumerate(kspace)]
        else:
            blocks = list(calibration)
        if len(blocks) not in (1, len(kspace)):
            raise InputError("the calibration does not fit k-space", expected=f"1 or {len(kspace)}", got=len(blocks))
        shape = kernel_shape or default_kernel_shape(image_shape)
        self._matrices = [spirit_matrices(block, shape, regularisation, image_shape) for block in blocks]
        self._fourier = FourierOp(kspace.shape, (-3, -2, -1), dtype=kspace.dtype)
        self._missing = xp_of(kspace).asarray(~masks[:, np.newaxis])
        self.measured = xp_of(kspace).where(self._missing, 0, kspace)

    def missing(self, kspace: Array) -> Array:
        """The part that was not measured; zero elsewhere."""
        return kspace * self._missing

    def predicted(self, kspace: Array) -> Array:
        """G k."""
        return self._fourier(self._each(self._fourier.H(kspace)))

    def normal(self, kspace: Array) -> Array:
        """(G - 1)ᴴ (G - 1) k."""
        images = self._fourier.H(kspace)
        left = self._each(images) - images
        return self._fourier(self._each(left, adjoint=True) - left)

    def _each(self, images: Array, *, adjoint: bool = False) -> Array:
        """G, or Gᴴ, times the images of every item."""
        matrices = [self._matrices[i % len(self._matrices)] for i in range(len(images))]
        stacked: Array = xp_of(images).stack(
            [times(m, x, adjoint=adjoint) for m, x in zip(matrices, images, strict=True)]
        )
        return stacked


def default_kernel_shape(image_shape: tuple[int, int, int]) -> KernelShape:
    """`KERNEL` along every axis that has more than one sample."""
    z, y, x = (1 if n == 1 else KERNEL for n in image_shape)
    return z, y, x
