"""The axis of rotation from the whole sinogram: the emptiest wedges in its Fourier transform."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.preparation.angular_order import angular_order
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, HostArray, fft_of, xp_of
from scanmill.errors import InputError

UNEVEN = 0.05
"""How far the steps between views may differ (relative) and still be called even."""
DROPPED_ORDERS, DROPPED_FREQUENCIES = 5, 2
"""Angular orders and spatial frequencies next to zero that say nothing about the axis."""


def axis_from_double_wedge(sinogram: Array, angles: HostArray, *, object_share: float = 1.0) -> float:
    """The axis column, from one half turn of parallel views at even steps.

    N. Vo, M. Drakopoulos, R. Atwood, C. Reinhard, "Reliable method for calculating the center of rotation in
    parallel-beam tomography", Opt. Express 22 (2014) 19078: a half turn is made whole by appending its mirror image
    about a supposed axis. The Fourier transform (angular order m, spatial frequency ω) of a whole turn of an object
    of radius R is empty where |m| > R |ω|; a wrong axis makes a step in the sinogram that fills it. The mean
    magnitude there is least at the axis. ``sinogram`` (view, row, column), ``angles`` in rad; ``object_share`` is R
    over half the detector's width. Views beyond half a turn are left out.
    Raises InputError where the views are uneven or end more than 1.5 steps short of half a turn.
    """
    xp = xp_of(sinogram)
    require_finite(sinogram, "the sinogram")
    views = _half_turn(np.asarray(angles, dtype=np.float64))
    rows = np.unique(np.linspace(0, sinogram.shape[1] - 1, 4).round().astype(int))
    half = xp.asarray(sinogram[views][:, rows], dtype=xp.float64)
    n = half.shape[-1]
    same, mirrored, omega = _outside_wedge(half, object_share * n / 2)

    def emptiness(column: float) -> float:
        return float(xp.abs(same + mirrored * xp.exp(-2j * column * omega)).mean())

    candidates = np.arange(n // 4, n - n // 4, dtype=np.float64)
    best = min(candidates, key=emptiness)
    for step in (0.25, 0.05, 0.01):
        best = min(best + step * np.arange(-6, 7), key=emptiness)
    return float(best)


def _half_turn(angles: HostArray) -> HostArray:
    """The indices of the views, in order, that cover one half turn."""
    if len(angles) < 4:
        raise InputError("too few views to find an axis in", expected="4 or more", got=len(angles))
    order, gaps = angular_order(angles)
    turned = np.cumsum(gaps) - gaps[0]
    step = float(np.median(np.diff(turned)))
    inside = turned < np.pi - 0.4 * step
    steps = np.diff(turned[inside])
    missing = np.pi - turned[inside][-1]
    if not (np.abs(steps - step) <= UNEVEN * step).all() or not missing <= 1.5 * step:
        raise InputError(
            "the double wedge needs half a turn of even steps",
            got=f"steps of {np.rad2deg(steps.min()):.3f} to {np.rad2deg(steps.max()):.3f} degrees, the last view "
            f"{np.rad2deg(missing):.1f} degrees before half a turn",
            do='use method="opposite", or give the axis column in the card',
        )
    return np.asarray(order[inside])


def _outside_wedge(half: Array, radius: float) -> tuple[Array, Array, Array]:
    """Outside the wedge: the spectrum of the half turn, that of its mirror image about column 0, and ω."""
    xp, fft = xp_of(half), fft_of(half)
    n_views, n = half.shape[0], half.shape[-1]
    along_columns = fft.rfft(half, n=2 * n, axis=-1)
    orders = xp.fft.fftfreq(2 * n_views, 1 / (2 * n_views))
    omega = xp.pi * xp.arange(n + 1) / n
    sign = xp.where(orders % 2 == 0, 1.0, -1.0)[:, None, None]
    same = fft.fft(along_columns, n=2 * n_views, axis=0)
    mirrored = fft.fft(along_columns.conj(), n=2 * n_views, axis=0) * sign
    outside = xp.abs(orders)[:, None] > xp.maximum(radius * omega, DROPPED_ORDERS)
    outside[:, :DROPPED_FREQUENCIES] = False
    same, mirrored = (xp.moveaxis(spectrum, 1, -1)[outside] for spectrum in (same, mirrored))
    return same, mirrored, xp.broadcast_to(omega, outside.shape)[outside][:, None]
