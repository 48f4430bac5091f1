"""Which part of k-space a partial Fourier acquisition holds, and the phase that its symmetric middle gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.errors import InputError
from scanmill.operators.fourier import FourierOp

AXES = (-3, -2, -1)


@dataclass(frozen=True)
class AcquiredBand:
    """The frequencies ``first`` to ``last``, both included, that an axis of ``n`` samples holds; 0 is at n // 2."""

    n: int
    first: int
    last: int

    @property
    def is_partial(self) -> bool:
        """Whether one side reaches less far than the other; the Nyquist frequency of an even n does not count."""
        return min(-self.first, self.last) < (self.n - 1) // 2

    @property
    def half_width(self) -> int:
        """The greatest frequency that was acquired with both signs."""
        return min(-self.first, self.last)

    def frequencies(self) -> HostArray:
        """-(n // 2) and on."""
        return np.arange(self.n) - self.n // 2

    def is_acquired(self) -> HostArray:
        """Which samples lie in the band."""
        k = self.frequencies()
        return (k >= self.first) & (k <= self.last)

    def window(self) -> HostArray:
        """A Hann window over the frequencies acquired with both signs; ones where nothing is missing."""
        if not self.is_partial:
            return np.ones(self.n)
        k, m = self.frequencies(), self.half_width
        return np.where(abs(k) <= m, np.cos(np.pi * k / (2 * (m + 1))) ** 2, 0.0)


def acquired_bands(sampling_mask: Array, shape: tuple[int, ...]) -> tuple[AcquiredBand, AcquiredBand, AcquiredBand]:
    """The bands of z, y and x, from the outermost samples of a mask that broadcasts to ``shape`` (z, y, x).

    Raises InputError where the mask is empty or an axis has no middle: the phase comes from there.
    """
    mask = np.broadcast_to(to_host(sampling_mask), shape)
    if not mask.any():
        raise InputError("the sampling mask is empty", got="no True point")
    bands = []
    for axis, n in enumerate(shape):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) - n // 2
        if held[0] > 0 or held[-1] < 0:
            raise InputError("partial Fourier needs the middle of k-space", where="zyx"[axis], got=held[[0, -1]])
        bands.append(AcquiredBand(n, int(held[0]), int(held[-1])))
    return bands[0], bands[1], bands[2]


def mask_of(kspace: Array, sampling_mask: Array | None) -> Array:
    """The mask, on the device of ``kspace`` (..., z, y, x); where there is none, what is not zero everywhere."""
    if sampling_mask is None:
        return (kspace != 0).any(axis=tuple(range(kspace.ndim - 3)))
    return xp_of(kspace).asarray(sampling_mask)


def low_resolution_phase(kspace: Array, bands: tuple[AcquiredBand, ...]) -> Array:
    """exp(i φ) of the image that the symmetric middle of k-space (..., z, y, x) gives, through Hann windows."""
    xp = xp_of(kspace)
    image = FourierOp(kspace.shape, AXES, dtype=kspace.dtype).H(kspace * separable([b.window() for b in bands], kspace))
    magnitude = xp.abs(image)
    return xp.where(magnitude > 0, image / xp.where(magnitude > 0, magnitude, 1), 1).astype(kspace.dtype)


def separable(factors: list[HostArray], kspace: Array) -> Array:
    """The product of a factor for each of z, y and x, in the precision and on the device of ``kspace``."""
    z, y, x = factors
    product = z[:, None, None] * y[:, None] * x
    return xp_of(kspace).asarray(product.astype(kspace.real.dtype))
