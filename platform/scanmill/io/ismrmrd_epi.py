"""Echo-planar readouts: ramp sampling regridded, and the phase between forward and reversed lines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.readout import middle

TIMES = ("rampUpTime", "flatTopTime", "rampDownTime", "dwellTime")
"""The numbers of a "ConventionalEPI" trajectory description that make a trapezoid, in one unit of time."""
SMALLEST_SINGULAR_VALUE = 1e-3


def trapezoid(readout: Mapping[str, float], n_samples: int, encoded: int) -> HostArray | None:
    """Where the samples of a trapezoidal readout lie, in cycles per encoded field of view, or None if evenly spaced.

    The samples stand in the middle of their dwell times and around the middle of the trapezoid, so that a reversed
    line turned round lies on the same positions; together they cover ``encoded`` cycles.
    """
    up, flat, down, dwell = (float(readout.get(name, 0.0)) for name in TIMES)
    if dwell <= 0 or flat < 0 or min(up, down) <= 0:
        return None
    total = up + flat + down
    edges = total / 2 + (np.arange(n_samples + 1) - n_samples / 2) * dwell
    if edges[0] < -1e-6 * total:
        raise InputError(
            "the readout is longer than its gradient", expected=f"at most {total / dwell:.1f} samples", got=n_samples
        )
    if edges[0] >= up and edges[-1] <= up + flat:
        return None
    area = _area(edges, up, flat, down)
    positions = _area((edges[1:] + edges[:-1]) / 2, up, flat, down)
    result: HostArray = (positions - _area(np.array(total / 2), up, flat, down)) * encoded / (area[-1] - area[0])
    return result


def _area(t: HostArray, up: float, flat: float, down: float) -> HostArray:
    """The integral of a trapezoid of height 1 until ``t``."""
    t = np.clip(t, 0, up + flat + down)
    left = up + flat + down - t
    area: HostArray = np.where(
        t <= up,
        t**2 / (2 * up),
        np.where(t <= up + flat, up / 2 + t - up, up / 2 + flat + down / 2 - left**2 / (2 * down)),
    )
    return area


def regridding(positions: HostArray, encoded: int, kept: int) -> HostArray:
    """The matrix (pixel, sample) from samples at ``positions`` to the middle ``kept`` of ``encoded`` pixels.

    It is the pseudo-inverse of the transform on the largest field of view that the widest gap between samples allows,
    so that what lies beyond the encoded one does not fold in.
    """
    gap = max(float(np.abs(np.diff(positions)).max()), 1e-9)
    n = max(encoded, min(int(encoded / gap), len(positions)))
    pixels = np.arange(n) - n // 2
    forward = np.exp(-2j * np.pi * np.outer(positions, pixels) / encoded) / np.sqrt(encoded)
    inverse = np.linalg.pinv(forward, rcond=SMALLEST_SINGULAR_VALUE)
    return inverse[middle(n, kept)].astype(np.complex64)


def ghost_phase(forward: HostArray, reverse: HostArray) -> HostArray:
    """The phase (pixel) of reversed lines relative to forward ones, a straight line; lines are (coil, pixel) images.

    The slope comes from the autocorrelation of the phase difference, then both are refined by weighted least squares.
    Source: Ahn and Cho (IEEE Trans Med Imaging 6:32, 1987); the linear model of Bruder et al. (Magn Reson Med 23:311,
    1992).
    """
    difference = (np.conj(forward) * reverse).sum(axis=0).astype(np.complex128)
    if not np.abs(difference).any():
        return np.zeros(difference.shape)
    pixels = np.arange(len(difference)) - len(difference) // 2
    slope = np.angle(np.vdot(difference[:-1], difference[1:]))
    offset = np.angle((difference * np.exp(-1j * slope * pixels)).sum())
    rest = np.angle(difference * np.exp(-1j * (slope * pixels + offset)))
    fitted: HostArray = slope * pixels + offset + np.polyval(np.polyfit(pixels, rest, 1, w=np.abs(difference)), pixels)
    return fitted
