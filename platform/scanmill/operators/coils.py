"""What every coil of a receiver array sees of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError
from scanmill.operators.linear import LinearOperator


class CoilsOp(LinearOperator):
    """Images (batch, set, z, y, x) to those of the coils (batch, coil, z, y, x): the sum over the sets of S_set x_set.

    ``coil_sensitivities`` are (batch or 1, set, coil, z, y, x); more than one set are the soft maps of ESPIRiT.
    ``op.H`` combines the coils, the sum over coils of conj(S) y.

    >>> op = CoilsOp(np.array([1.0, 2j], np.complex64).reshape(1, 1, 2, 1, 1, 1))
    >>> op(np.ones((1, 1, 1, 1, 1), np.complex64)).ravel().tolist()
    [(1+0j), 2j]
    """

    def __init__(self, coil_sensitivities: Array, batch: int | None = None, *, dtype: Any = np.complex64) -> None:
        shape = tuple(coil_sensitivities.shape)
        if len(shape) != 6 or (batch is not None and shape[0] not in (1, batch)):
            expected = f"({'batch' if batch is None else batch} or 1, set, coil, z, y, x)"
            raise InputError("coil sensitivities of another shape", expected=expected, got=shape)
        n_items, n_sets, n_coils, *image = shape
        n_items = n_items if batch is None else batch
        super().__init__((n_items, n_sets, *image), (n_items, n_coils, *image), dtype)
        self.coil_sensitivities = coil_sensitivities.astype(self.dtype, copy=False)

    def maps_of(self, item: int) -> Array:
        """The sensitivities (set, coil, z, y, x) of an item of the batch."""
        return self.coil_sensitivities[item if len(self.coil_sensitivities) > 1 else 0]

    def _apply(self, x: Array) -> Array:
        out = xp_of(x).empty(self.out_shape, self.dtype)
        for item, coils in enumerate(out):
            maps = self.maps_of(item)
            xp_of(x).multiply(maps[0], x[item, 0], out=coils)
            for one_set, image in zip(maps[1:], x[item, 1:], strict=True):
                coils += one_set * image
        return out

    def _adjoint(self, y: Array) -> Array:
        out = xp_of(y).empty(self.in_shape, self.dtype)
        for item, images in enumerate(out):
            for i, one_set in enumerate(self.maps_of(item)):
                images[i] = (one_set.conj() * y[item]).sum(axis=0)
        return out
