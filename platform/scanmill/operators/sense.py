"""The encoding of parallel imaging: coils, then the Fourier transform where k-space was sampled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import numpy as np

from scanmill.arrays import Array, device_of, to_device, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators.coils import CoilsOp
from scanmill.operators.convolution import ConvolutionOp
from scanmill.operators.fourier import FourierOp
from scanmill.operators.linear import LinearOperator
from scanmill.operators.normal_choice import toeplitz_is_faster
from scanmill.operators.nufft import NufftOp
from scanmill.operators.sampling import SamplingOp
from scanmill.operators.sense_normal import SenseNormalOp
from scanmill.operators.toeplitz import ToeplitzOp

Normal = Literal["measured", "toeplitz", "direct"]


class SenseOp(LinearOperator):
    """Images (batch, set, z, y, x) to the samples of every coil: ``encoding`` of what the ``coils`` see.

    ``op.gram`` is one `ConvolutionOp` between the coils where ``convolution`` makes one, else `op.H @ op`.
    """

    def __init__(
        self, encoding: LinearOperator, coils: CoilsOp, convolution: Callable[[], ConvolutionOp | None]
    ) -> None:
        if encoding.in_shape != coils.out_shape:
            raise InputError("coils and encoding do not fit", expected=encoding.in_shape, got=coils.out_shape)
        super().__init__(coils.in_shape, encoding.out_shape, encoding.dtype)
        self.encoding, self.coils, self._convolution = encoding, coils, convolution

    def _apply(self, x: Array) -> Array:
        return self.encoding(self.coils(x))

    def _adjoint(self, y: Array) -> Array:
        return self.coils.H(self.encoding.H(y))

    @cached_property
    def gram(self) -> LinearOperator:
        """Aᴴ A."""
        convolution = self._convolution()
        return self.H @ self if convolution is None else SenseNormalOp(self.coils, convolution)


def sense_op(
    coil_sensitivities: Array,
    *,
    sampling_mask: Array | None = None,
    points: Array | None = None,
    weights: Array | None = None,
    batch: int | None = None,
    eps: float | None = None,
    normal: Normal = "measured",
    budget_bytes: int | None = None,
    dtype: Any = np.complex64,
) -> SenseOp:
    """The operator √W M F S: coil sensitivities S, Fourier transform F, sampling M, weights W of the samples.

    Cartesian: a ``sampling_mask`` (batch or 1, z, y, x), zero frequency at N // 2, data (batch, coil, z, y, x),
    ``weights`` that broadcast to the mask. Along a trajectory: ``points`` and ``eps`` as in `NufftOp`, data (batch,
    coil, shot, sample), ``weights`` ([batch or 1,] shot, sample), a density compensation for one. Apply √W to the data
    too. ``batch`` is needed where neither maps nor samples tell it.

    ``normal`` says how ``op.gram`` is done along a trajectory: by a convolution on the doubled grid ("toeplitz"), by
    the transform and its adjoint ("direct"), or by what is faster here and keeps within ``budget_bytes``
    ("measured", see `toeplitz_is_faster`); results differ by about ``eps``.
    """
    device = device_of(coil_sensitivities)
    n_items = _batch_of(coil_sensitivities, points if sampling_mask is None else sampling_mask, batch)
    coils = CoilsOp(coil_sensitivities, n_items, dtype=dtype)
    if (sampling_mask is None) == (points is None):
        raise SpecError("a sampling is either Cartesian or along a trajectory", do="give sampling_mask or points")
    if points is None:
        return _cartesian(coils, sampling_mask, weights)
    nufft = NufftOp(points, coils.out_shape, eps=eps, dtype=dtype, device=device)

    def toeplitz() -> ToeplitzOp:
        return ToeplitzOp(nufft.points, nufft.in_shape, weights=weights, eps=eps, dtype=dtype, device=device)

    def chosen() -> ToeplitzOp | None:
        if normal == "direct" or (normal == "measured" and not toeplitz_is_faster(nufft, budget_bytes=budget_bytes)):
            return None
        return toeplitz()

    encoding: LinearOperator = nufft
    if weights is not None:
        root = xp_of(coil_sensitivities).sqrt(to_device(weights, device))
        encoding = SamplingOp(root[:, None] if root.ndim == 3 else root, nufft.out_shape, dtype=dtype) @ nufft
    return SenseOp(encoding, coils, chosen)


def _cartesian(coils: CoilsOp, mask: Array, weights: Array | None) -> SenseOp:
    shape = coils.out_shape
    if mask.ndim != 4:
        raise InputError("a sampling mask of another shape", expected="(batch or 1, z, y, x)", got=mask.shape)
    xp = xp_of(mask)
    power = xp.asarray(mask, dtype=np.float64) ** 2 * (1.0 if weights is None else weights)
    sampling = SamplingOp(mask[:, None] if weights is None else xp.sqrt(power)[:, None], shape, dtype=coils.dtype)
    spectrum = xp.fft.ifftshift(power, axes=(1, 2, 3))
    for axis in (1, 2, 3):
        first = spectrum.take([0], axis=axis)
        if bool((spectrum == first).all()):
            spectrum = first
    fourier = FourierOp(shape, dtype=coils.dtype)
    return SenseOp(sampling @ fourier, coils, lambda: ConvolutionOp(spectrum, shape, dtype=coils.dtype))


def _batch_of(coil_sensitivities: Array, samples: Array | None, batch: int | None) -> int:
    """How many items the batch has: what is asked for, else what maps and samples say."""
    if batch is not None:
        return batch
    shapes = [coil_sensitivities.shape, () if samples is None else samples.shape]
    return max((int(shape[0]) for shape in shapes if len(shape) in (4, 6)), default=1)
