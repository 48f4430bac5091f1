"""Images convolved with a kernel that is given by its spectrum: the normal operator of most samplings of k-space."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scanmill.arrays import Array, fft_of, is_device_array, xp_of
from scanmill.errors import InputError
from scanmill.operators.lender import Lender
from scanmill.operators.linear import LinearOperator, Shape
from scanmill.operators.padded_transform import convolve_plane, convolve_volume

GRID_BYTES = 2**29
"""On a GPU as many images at once as have their padded grids in so many bytes."""


class ConvolutionOp(LinearOperator):
    """Images (batch, coil, z, y, x) with zeros around them, transformed, times a spectrum, transformed back, cut out.

    ``spectrum`` (batch or 1, Z, Y, X), real, is on a grid at least as large as the image, zero frequency at index 0. Of
    the image's own size it is circular: Fᴴ M F of a Cartesian mask M in that order. Of twice that it is Toeplitz
    (`ToeplitzOp`). Length 1 along an axis says that it is constant there, which saves the transforms along that axis.
    The operator is its own adjoint.

    On a CPU the results are the same to the bit for any number of threads.

    >>> op = ConvolutionOp(np.array([1.0, 0.0]).reshape(1, 1, 1, 2), (1, 1, 1, 1, 2))
    >>> op(np.array([2, 4], np.complex64).reshape(op.in_shape)).real.ravel().tolist()
    [3.0, 3.0]
    """

    def __init__(self, spectrum: Array, shape: Shape, *, dtype: Any = np.complex64) -> None:
        super().__init__(shape, shape, dtype)
        sizes, image = tuple(spectrum.shape[1:]), tuple(shape[2:])
        if len(shape) != 5 or len(sizes) != 3 or any(n > m > 1 for n, m in zip(image, sizes, strict=True)):
            raise InputError("a spectrum of another size", expected=f"at least {image}", got=spectrum.shape)
        if spectrum.shape[0] not in (1, shape[0]):
            raise InputError("a spectrum for another batch", expected=f"1 or {shape[0]}", got=spectrum.shape[0])
        self.grid_shape = tuple(m if m > 1 else n for n, m in zip(image, sizes, strict=True))
        self._axes = tuple(axis - 3 for axis, m in enumerate(sizes) if m > 1)
        scale = math.prod(m for m in sizes if m > 1)
        self._spectrum = (spectrum / scale).astype(np.finfo(self.dtype).dtype)
        self._planes = Lender[Array](lambda: np.empty(self.grid_shape[1:], self.dtype))
        self._volumes = Lender[Array](lambda: np.empty((self.grid_shape[0], *image[1:]), self.dtype))

    @property
    def is_planar(self) -> bool:
        """Whether the images are planes, each of which one core convolves."""
        return self.grid_shape[0] == 1

    def _apply(self, x: Array) -> Array:
        out = xp_of(x).empty(self.out_shape, self.dtype)
        if is_device_array(x):
            self.convolve_whole(x, out)
            return out
        from scanmill.kernels.pieces import share_out

        def work(piece: int) -> None:
            item, coil = divmod(piece, self.in_shape[1])
            self.convolve(item, lambda image: _copy(image, x[item, coil]), lambda image: _copy(out[item, coil], image))

        n_pieces = self.in_shape[0] * self.in_shape[1]
        if self.is_planar:
            share_out(work, n_pieces)
        else:
            for piece in range(n_pieces):
                work(piece)
        return out

    def _adjoint(self, y: Array) -> Array:
        return self._apply(y)

    def convolve(self, item: int, fill: Callable[[Array], None], take: Callable[[Array], None]) -> None:
        """Convolve an image of an ``item`` of the batch: ``fill`` writes it (z, y, x), ``take`` reads what it became.

        On a CPU. A plane is convolved by the thread that calls, a volume by all cores.
        """
        spectrum = self._spectrum[item if len(self._spectrum) > 1 else 0]
        nz, ny, nx = self.in_shape[2:]
        with (self._planes if self.is_planar else self._volumes).lease() as scratch:
            image = scratch[None, :ny, :nx] if self.is_planar else scratch[:nz]
            fill(image)
            if self.is_planar:
                convolve_plane(scratch, spectrum[0], ny, nx)
            else:
                convolve_volume(scratch, spectrum, nz, self._planes)
            take(image)

    def convolve_whole(self, x: Array, out: Array) -> None:
        """The same without short cuts, for a GPU."""
        fft, axes, sizes = fft_of(x), self._axes, tuple(self.grid_shape[axis] for axis in self._axes)
        corner = (slice(None), *(slice(n) for n in self.in_shape[2:]))
        step = max(GRID_BYTES // (math.prod(self.grid_shape) * self.dtype.itemsize), 1)
        for item in range(self.in_shape[0]):
            spectrum = self._spectrum[item if len(self._spectrum) > 1 else 0]
            for start in range(0, self.in_shape[1], step):
                coils = slice(start, start + step)
                grid = (fft.fftn(x[item, coils], s=sizes, axes=axes) if axes else x[item, coils]) * spectrum
                out[item, coils] = (fft.ifftn(grid, axes=axes, norm="forward") if axes else grid)[corner]


def _copy(target: Array, source: Array) -> None:
    target[...] = source
