"""Encoding in a field that is not the same everywhere, by segments of time."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, HostArray, device_of, to_device, to_host, xp_of
from scanmill.errors import InputError
from scanmill.operators.linear import LinearOperator
from scanmill.operators.time_segments import fit_segments


class OffResonanceOp(LinearOperator):
    """``encoding`` of spins that also turn with the field: a sample at time t sees x(r) exp(-2 pi i f(r) t).

    ``encoding`` takes images (batch, coil, z, y, x) to samples (batch, coil, shot, sample), a `NufftOp` for one;
    ``field_map`` (batch or 1, z, y, x) is f in Hz, its sign that of the phase which a gradient makes; ``times``
    (sample) or (shot, sample) count in s from when the phase of the image is asked for, the echo for one.

        y(t) = Σ over l of w_l(t) (encoding (x exp(-2 pi i f τ_l)))(t)

    with moments τ and weights w from `fit_segments`, to the root-mean-square ``tolerance``, or with ``n_segments``: as
    many transforms as segments. Noll et al., IEEE Trans. Med. Imaging 10 (1991) 629.
    """

    def __init__(
        self,
        encoding: LinearOperator,
        field_map: Array,
        times: HostArray,
        *,
        n_segments: int | None = None,
        tolerance: float = 1e-3,
    ) -> None:
        super().__init__(encoding.in_shape, encoding.out_shape, encoding.dtype)
        batch, _, *image = encoding.in_shape
        if field_map.ndim != 4 or field_map.shape[0] not in (1, batch) or list(field_map.shape[1:]) != image:
            raise InputError("a field map for another image", expected=(batch, *image), got=field_map.shape)
        if times.ndim not in (1, 2) or times.shape != encoding.out_shape[-times.ndim :]:
            raise InputError("times for other samples", expected=encoding.out_shape[-2:], got=times.shape)
        field = to_host(field_map).astype(np.float64)
        self.encoding, self.matched = encoding, encoding.matched
        self.segments = fit_segments(field, times, n_segments=n_segments, tolerance=tolerance)
        device = device_of(field_map)
        turns = [np.exp(-2j * np.pi * field[:, None] * moment) for moment in self.segments.moments]
        self._turns = [to_device(turn.astype(self.dtype), device) for turn in turns]
        self._weights = [to_device(weight.astype(self.dtype), device) for weight in self.segments.weights]

    def _apply(self, x: Array) -> Array:
        y = xp_of(x).zeros(self.out_shape, self.dtype)
        for turn, weight in zip(self._turns, self._weights, strict=True):
            y += weight * self.encoding(turn * x)
        return y

    def _adjoint(self, y: Array) -> Array:
        x = xp_of(y).zeros(self.in_shape, self.dtype)
        for turn, weight in zip(self._turns, self._weights, strict=True):
            x += turn.conj() * self.encoding.H(weight.conj() * y)
        return x
