"""The normal operator of parallel imaging, where it is a convolution of every coil's image."""

from __future__ import annotations

from functools import partial

import numpy as np

from scanmill.arrays import Array, HostArray, is_device_array
from scanmill.errors import InputError
from scanmill.operators.coils import CoilsOp
from scanmill.operators.convolution import ConvolutionOp
from scanmill.operators.linear import LinearOperator


class SenseNormalOp(LinearOperator):
    """Sᴴ C S: the coils S, a convolution C of every coil's image, the coils combined. Its own adjoint.

    On a CPU the coils are added in their order, each as soon as it is there where the batch keeps all threads busy:
    the results are the same to the bit for any number of threads, and of a batch the same as one by one.
    """

    def __init__(self, coils: CoilsOp, convolution: ConvolutionOp) -> None:
        if coils.out_shape != convolution.in_shape:
            raise InputError("coils and convolution do not fit", expected=coils.out_shape, got=convolution.in_shape)
        super().__init__(coils.in_shape, coils.in_shape, coils.dtype)
        self.coils, self.convolution = coils, convolution

    def _apply(self, x: Array) -> Array:
        if is_device_array(x):
            return self.coils.H(self.convolution(self.coils(x)))
        from scanmill.kernels.pieces import n_threads, share_out

        out = np.empty(self.out_shape, self.dtype)
        n_items, n_coils = self.coils.out_shape[:2]
        if not self.convolution.is_planar:  # every image keeps all threads busy
            for item in range(n_items):
                self._coils_in_turn(x, out, item)
        elif n_items >= n_threads():
            share_out(partial(self._coils_in_turn, x, out), n_items)
        else:
            parts = np.empty((n_coils, *self.out_shape[1:]), self.dtype)
            for item in range(n_items):
                share_out(partial(self._coil, x, parts, item), n_coils)
                _add(parts, out[item])
        return np.conjugate(out, out=out)

    def _adjoint(self, y: Array) -> Array:
        return self._apply(y)

    def _coils_in_turn(self, x: HostArray, out: HostArray, item: int) -> None:
        part = np.empty((1, *self.out_shape[1:]), self.dtype)
        for coil in range(self.coils.out_shape[1]):
            self._coil(x, part, item, coil)
            _add(part, out[item], is_first=coil == 0)

    def _coil(self, x: HostArray, parts: HostArray, item: int, coil: int) -> None:
        """The conjugate of what one coil adds to an item, (set, z, y, x), into its place among ``parts``."""
        maps = self.coils.maps_of(item)[:, coil]

        def fill(image: HostArray) -> None:
            np.multiply(maps[0], x[item, 0], out=image)
            for one_set, one_image in zip(maps[1:], x[item, 1:], strict=True):
                image += one_set * one_image

        def take(image: HostArray) -> None:
            np.multiply(maps, np.conjugate(image, out=image), out=parts[coil % len(parts)])

        self.convolution.convolve(item, fill, take)


def _add(parts: HostArray, total: HostArray, *, is_first: bool = True) -> None:
    """Add ``parts`` one after the other to ``total``, which the first of all begins."""
    for i, part in enumerate(parts):
        if is_first and i == 0:
            total[...] = part
        else:
            total += part
