"""Daubechies' orthonormal wavelets of an image."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError
from scanmill.operators.linear import LinearOperator, Shape

Wavelet = Literal["haar", "db2", "db3", "db4"]

SCALING: dict[str, tuple[float, ...]] = {
    "haar": (0.7071067811865476, 0.7071067811865476),
    "db2": (0.48296291314453416, 0.8365163037378079, 0.2241438680420134, -0.12940952255126037),
    "db3": (
        0.33267055295008263, 0.8068915093110925, 0.45987750211849154,
        -0.13501102001025458, -0.08544127388202666, 0.03522629188570953,
    ),
    "db4": (
        0.2303778133088965, 0.7148465705529157, 0.6308807679298589, -0.027983769416859854,
        -0.18703481171909309, 0.030841381835560764, 0.0328830116668852, -0.010597401785069032,
    ),
}  # fmt: skip
"""The scaling filters h (Daubechies, Ten Lectures on Wavelets, 1992, table 6.1), of norm 1."""
LEVELS = 4
"""How many levels there are unless asked otherwise, as far as the image is long enough."""


class WaveletOp(LinearOperator):
    """The orthonormal wavelet transform of an image (z, y, x), of any number of axes; ``op.H`` is its inverse.

    The coefficients lie in an array of the image's shape, the coarsest image in its low corner (`coarsest`), around
    it the details from coarse to fine (Mallat, IEEE Trans. PAMI 11 (1989) 674). The image goes on periodically. Each
    level halves the axes that are at least as long as the filter; the last sample of an odd axis is passed on as it
    is, so that every shape has an orthonormal transform.

    >>> op = WaveletOp((1, 1, 4), "haar", n_levels=1, dtype=np.float64)
    >>> op(np.array([[[1.0, 1.0, 2.0, 4.0]]])).round(3).tolist()
    [[[1.414, 4.243, 0.0, -1.414]]]
    """

    def __init__(
        self, shape: Shape, wavelet: Wavelet = "db2", *, n_levels: int | None = None, dtype: Any = np.float32
    ) -> None:
        super().__init__(shape, shape, dtype)
        if wavelet not in get_args(Wavelet):
            raise SpecError("unknown wavelet", expected=", ".join(get_args(Wavelet)), got=wavelet)
        if n_levels is not None and n_levels < 1:
            raise SpecError("a wavelet transform needs a level", expected="1 or more", got=n_levels)
        low = np.array(SCALING[wavelet])
        high = low[::-1] * (-1.0) ** np.arange(len(low))
        self._filters = [(self.dtype.type(h), self.dtype.type(g)) for h, g in zip(low, high, strict=True)]
        self._levels = _levels(self.in_shape, len(low), LEVELS if n_levels is None else n_levels)

    @property
    def coarsest(self) -> tuple[slice, ...]:
        """Where the coarsest image lies among the coefficients."""
        corner = self.in_shape if not self._levels else _halved(*self._levels[-1])
        return tuple(slice(n) for n in corner)

    def _apply(self, x: Array) -> Array:
        out = x.copy()
        for shape, axes in self._levels:
            corner = tuple(slice(n) for n in shape)
            part = out[corner]
            for axis in axes:
                part = self._split(part, axis)
            out[corner] = part
        return out

    def _adjoint(self, y: Array) -> Array:
        out = y.copy()
        for shape, axes in reversed(self._levels):
            corner = tuple(slice(n) for n in shape)
            part = out[corner]
            for axis in reversed(axes):
                part = self._join(part, axis)
            out[corner] = part
        return out

    def _split(self, x: Array, axis: int) -> Array:
        """Smooth (and the odd last sample), then detail: s[k] = Σ h[j] x[2 k + j], d[k] = Σ g[j] x[2 k + j]."""
        xp, n, taps = xp_of(x), x.shape[axis], len(self._filters)
        x = xp.moveaxis(x, axis, -1)
        even = n - n % 2
        longer = xp.concatenate([x[..., :even], x[..., : taps - 2]], axis=-1)
        out = xp.zeros(x.shape, dtype=x.dtype)
        smooth, detail = out[..., : even // 2], out[..., n - even // 2 :]
        for j, (h, g) in enumerate(self._filters):
            tap = longer[..., j : j + even : 2]
            smooth += h * tap
            detail += g * tap
        if n % 2:
            out[..., even // 2] = x[..., -1]
        return xp.moveaxis(out, -1, axis)

    def _join(self, y: Array, axis: int) -> Array:
        """The transpose of `_split`, which is its inverse."""
        xp, n, taps = xp_of(y), y.shape[axis], len(self._filters)
        y = xp.moveaxis(y, axis, -1)
        even = n - n % 2
        smooth, detail = y[..., : even // 2], y[..., n - even // 2 :]
        longer = xp.zeros((*y.shape[:-1], even + taps - 2), dtype=y.dtype)
        for j, (h, g) in enumerate(self._filters):
            longer[..., j : j + even : 2] += h * smooth + g * detail
        longer[..., : taps - 2] += longer[..., even:]
        ends = [longer[..., :even], y[..., even // 2 : even // 2 + n % 2]]
        return xp.moveaxis(xp.concatenate(ends, axis=-1), -1, axis)


def _levels(shape: Shape, taps: int, n_levels: int) -> list[tuple[Shape, tuple[int, ...]]]:
    """For each level the shape that it splits and the axes that it halves."""
    levels = []
    for _ in range(n_levels):
        axes = tuple(axis for axis, n in enumerate(shape) if n - n % 2 >= taps)
        if not axes:
            break
        levels.append((shape, axes))
        shape = _halved(shape, axes)
    return levels


def _halved(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(n - n // 2 if axis in axes else n for axis, n in enumerate(shape))
