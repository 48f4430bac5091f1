"""The centred orthonormal Fourier transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, fft_of, is_device_array, xp_of
from scanmill.errors import InputError, SpecError
from scanmill.operators.linear import LinearOperator, Shape

IMAGE_AXES = (-3, -2, -1)
"""(z, y, x), behind any number of axes that are transformed one by one."""


class FourierOp(LinearOperator):
    """From images to Cartesian k-space, k = F x: sum over r of x(r) exp(-2 pi i k r / N) / sqrt(N) along ``axes``.

    Both r and k are counted from index N // 2, on either side, for even and odd N. ``op.H`` is the inverse. With the
    axis of the frames alone it is the temporal Fourier transform.

    >>> op = FourierOp((1, 1, 4))
    >>> op(np.array([[[0, 0, 1, 0]]], np.complex64)).real.tolist()
    [[[0.5, 0.5, 0.5, 0.5]]]
    """

    def __init__(self, shape: Shape, axes: Sequence[int] = IMAGE_AXES, *, dtype: Any = np.complex64) -> None:
        super().__init__(shape, shape, dtype)
        if self.dtype.kind != "c":
            raise SpecError("a Fourier transform is complex", got=self.dtype.name)
        if any(not -len(shape) <= axis < len(shape) for axis in axes):
            raise InputError("a Fourier transform of axes that are not there", expected=f"of {shape}", got=axes)
        numbers = {axis % len(shape) for axis in axes}
        self._axes = tuple(sorted(axis for axis in numbers if shape[axis] > 1))
        self._before, self._behind = (_phases(self.in_shape, self._axes, shift, self.dtype) for shift in (False, True))

    def _apply(self, x: Array) -> Array:
        xp = xp_of(x)
        k = transform(x * xp.asarray(self._before), self._axes, norm="ortho")
        k *= xp.asarray(self._behind)
        return k

    def _adjoint(self, y: Array) -> Array:
        xp = xp_of(y)
        x = transform(y * xp.asarray(self._behind.conj()), self._axes, is_inverse=True, norm="ortho")
        x *= xp.asarray(self._before.conj())
        return x


def transform(x: Array, axes: Sequence[int], *, is_inverse: bool = False, norm: str = "backward") -> Array:
    """The Fourier transform along ``axes``, index 0 first, on the cores that the kernels may use; it destroys ``x``."""
    if not axes:
        return x
    fft = fft_of(x).ifftn if is_inverse else fft_of(x).fftn
    return fft(x, axes=tuple(axes), norm=norm, overwrite_x=True, **cores(x))


def transform_in_place(x: Array, axis: int, *, is_inverse: bool = False) -> None:
    """The unscaled Fourier transform of every line along ``axis``, written over them, on the core of the caller."""
    kind, norm = (fft_of(x).ifft, "forward") if is_inverse else (fft_of(x).fft, "backward")
    done = kind(x, axis=axis, norm=norm, overwrite_x=True)
    if not xp_of(x).may_share_memory(done, x):
        x[...] = done


def cores(x: Array) -> dict[str, int]:
    """The keyword of `scipy.fft` for as many cores as the kernels may use; a GPU knows none."""
    if is_device_array(x):
        return {}
    from scanmill.kernels.pieces import n_threads

    return {"workers": n_threads()}


def _phases(shape: Shape, axes: tuple[int, ...], is_behind: bool, dtype: np.dtype[Any]) -> HostArray:
    """What centres a transform that begins at index 0: (m - c) (r - c) = m r - (m - c) c - r c, for r or (m) behind.

    Real signs where all axes are even.
    """
    total = np.ones([1] * len(shape))
    for axis in axes:
        n, c = shape[axis], shape[axis] // 2
        turns = (np.arange(n) - (c if is_behind else 0)) * c % n / n
        phase = np.exp(2j * np.pi * turns) if n % 2 else np.where(turns == 0, 1.0, -1.0)
        total = total * phase.reshape(-1, *[1] * (len(shape) - axis - 1))
    return total.astype(np.finfo(dtype).dtype if total.dtype.kind == "f" else dtype)
