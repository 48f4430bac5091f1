"""The direction of the readout: centred Fourier transforms along one axis, and oversampling removed."""

from __future__ import annotations

from scanmill.arrays import Array, fft_of


def to_image(array: Array, axis: int) -> Array:
    """The centred orthonormal inverse transform along ``axis``: zero frequency and pixel 0 at n // 2."""
    fft = fft_of(array)
    return fft.fftshift(fft.ifft(fft.ifftshift(array, axes=axis), axis=axis, norm="ortho"), axes=axis)


def to_kspace(array: Array, axis: int) -> Array:
    """The centred orthonormal transform along ``axis``, inverse of :func:`to_image`."""
    fft = fft_of(array)
    return fft.fftshift(fft.fft(fft.ifftshift(array, axes=axis), axis=axis, norm="ortho"), axes=axis)


def middle(n: int, kept: int) -> slice:
    """The ``kept`` pixels around pixel n // 2, which becomes pixel kept // 2.

    >>> middle(8, 4), middle(5, 2)
    (slice(2, 6, None), slice(1, 3, None))
    """
    first = n // 2 - kept // 2
    return slice(first, first + kept)


def cropped_fov(array: Array, kept: int, axis: int) -> Array:
    """K-space of the middle ``kept`` pixels along ``axis``: the readout's oversampling removed, its noise unchanged."""
    n = array.shape[axis]
    if kept == n:
        return array
    chosen = (slice(None),) * (axis % array.ndim) + (middle(n, kept),)
    return to_kspace(to_image(array, axis)[chosen], axis)
