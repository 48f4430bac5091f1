"""Daubechies' orthonormal wavelets of an image."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np

from scanmill.arrays import Array, is_device_array, xp_of
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
SMALL = 2**17
"""Fewer voxels are done by one thread: to wait for the others takes longer."""


class WaveletOp(LinearOperator):
    """The orthonormal wavelet transform of an image (z, y, x), of any number of axes; ``op.H`` is its inverse.

    The coefficients lie in an array of the image's shape, the coarsest image in its low corner (`coarsest`), around
    it the details from coarse to fine (Mallat, IEEE Trans. PAMI 11 (1989) 674). The image goes on periodically. Each
    level halves the axes that are at least as long as the filter; the last sample of an odd axis is passed on as it
    is, so that every shape has an orthonormal transform. With ``axes`` only those are transformed.

    >>> op = WaveletOp((1, 1, 4), "haar", n_levels=1, dtype=np.float64)
    >>> op(np.array([[[1.0, 1.0, 2.0, 4.0]]])).round(3).tolist()
    [[[1.414, 4.243, 0.0, -1.414]]]
    """

    def __init__(
        self,
        shape: Shape,
        wavelet: Wavelet = "db2",
        *,
        n_levels: int | None = None,
        axes: Sequence[int] | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(shape, shape, dtype)
        if wavelet not in get_args(Wavelet):
            raise SpecError("unknown wavelet", expected=", ".join(get_args(Wavelet)), got=wavelet)
        if n_levels is not None and n_levels < 1:
            raise SpecError("a wavelet transform needs a level", expected="1 or more", got=n_levels)
        low = SCALING[wavelet]
        high = [(-1) ** j * h for j, h in enumerate(reversed(low))]
        self._filters = np.array([low, high], np.finfo(self.dtype).dtype)
        chosen = range(len(shape)) if axes is None else [axis % len(shape) for axis in axes]
        self._levels = _levels(self.in_shape, sorted(chosen), len(low), LEVELS if n_levels is None else n_levels)
        self._first = self._levels[0][1][0] if self._levels else 0

    @property
    def coarsest(self) -> tuple[slice, ...]:
        """Where the coarsest image lies among the coefficients."""
        corner = self.in_shape if not self._levels else _halved(*self._levels[-1])
        return tuple(slice(n) for n in corner)

    @property
    def details(self) -> list[tuple[slice, ...]]:
        """Where each band of details lies among the coefficients, from coarse to fine."""
        bands = []
        for shape, axes in reversed(self._levels):
            low = _halved(shape, axes)
            halves = [[slice(m), slice(m, n)] if m < n else [slice(n)] for m, n in zip(low, shape, strict=True)]
            bands += list(itertools.product(*halves))[1:]
        return bands

    def _apply(self, x: Array) -> Array:
        out = xp_of(x).array(x, order="C")
        self._share_out(self._analyse, out)
        return out

    def _adjoint(self, y: Array) -> Array:
        out = xp_of(y).array(y, order="C")
        self._share_out(self._synthesise, out)
        return out

    def _share_out(self, transform: Callable[[Array], None], x: Array) -> None:
        """Transform in place the images that stand along the axes before the first that is halved: one a thread."""
        from scanmill.kernels.pieces import share_out

        images = x.reshape(-1, *x.shape[self._first :])
        if is_device_array(x):
            transform(images)
        else:
            share_out(lambda i: transform(images[i : i + 1]), len(images))

    def _analyse(self, images: Array) -> None:
        for shape, axes in self._levels:
            corner = (slice(None), *(slice(n) for n in shape[self._first :]))
            part = images[corner]
            for axis in axes:
                part = self._filtered(part, axis - self._first + 1)
            images[corner] = part

    def _synthesise(self, images: Array) -> None:
        for shape, axes in reversed(self._levels):
            corner = (slice(None), *(slice(n) for n in shape[self._first :]))
            part = images[corner]
            for axis in reversed(axes):
                part = self._filtered(part, axis - self._first + 1, is_inverse=True)
            images[corner] = part

    def _filtered(self, x: Array, axis: int, *, is_inverse: bool = False) -> Array:
        """One axis split into smooth (and the odd last sample), then detail; or joined from them."""
        from scanmill.kernels import launch, wavelet

        xp, n, n_outer = xp_of(x), x.shape[axis], math.prod(x.shape[:axis])
        out = xp.empty(x.shape, self.dtype)
        filters = xp.asarray(self._filters)
        source, target = (a.view(filters.dtype).reshape(n_outer, n, -1) for a in (xp.ascontiguousarray(x), out))
        with launch.threads(1) if x.size < SMALL else contextlib.nullcontext():
            if axis < x.ndim - 1:
                pairs = wavelet.JOIN_PAIRS if is_inverse else wavelet.SPLIT_PAIRS
                pairs(n_outer * (n // 2), source, filters, target)
            else:
                lines, inner = wavelet.JOIN_LINES if is_inverse else wavelet.SPLIT_LINES, source.shape[2]
                apart = xp.empty((n_outer, 2, (n // 2 + filters.shape[1] // 2) * inner), filters.dtype)
                source, target = source.reshape(n_outer, -1), target.reshape(n_outer, -1)
                lines(n_outer, source, filters, inner, apart, target)
        return out


def _levels(shape: Shape, chosen: Sequence[int], taps: int, n_levels: int) -> list[tuple[Shape, tuple[int, ...]]]:
    """For each level the shape that it splits and the axes that it halves."""
    levels = []
    for _ in range(n_levels):
        axes = tuple(axis for axis in chosen if shape[axis] - shape[axis] % 2 >= taps)
        if not axes:
            break
        levels.append((shape, axes))
        shape = _halved(shape, axes)
    return levels


def _halved(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(n - n // 2 if axis in axes else n for axis, n in enumerate(shape))
