"""Photons that arrive on detours: estimated from the primary beam by convolution, and taken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, HostArray, fft_of, to_host, xp_of
from scanmill.errors import ConvergenceError, InputError

LEAST_PRIMARY = 0.05
"""The primary is never taken below this share of what was measured."""


@dataclass(frozen=True)
class ScatterKernel:
    """The scatter S of a primary transmission P, both in units of the open beam:

    S = [A P^α (−log P)^β] ⊗ [exp(−r² / 2σ₁²) + B exp(−r² / 2σ₂²)] · pixel area

    M. Sun & J. Star-Lack, "Improved scatter correction using adaptive scatter kernel superposition", Phys. Med. Biol.
    55 (2010) 6695, eqs. 4 to 6, with one symmetric kernel; α = β = 1 is B. Ohnesorge, T. Flohr, K. Klingenbeck-Regn,
    Eur. Radiol. 9 (1999) 563. ``amplitude`` in 1/mm², the widths in mm on the detector.
    """

    amplitude: float
    alpha: float
    beta: float
    sigma_mm: float
    wide_share: float = 0.0
    wide_sigma_mm: float = 100.0

    def __post_init__(self) -> None:
        if not (min(self.amplitude, self.wide_share) >= 0 and min(self.sigma_mm, self.wide_sigma_mm) > 0):
            raise InputError("a scatter kernel has positive widths and no negative weight", got=self)

    def __call__(self, primary: Array, pixel_mm: tuple[float, float]) -> Array:
        """The scatter on the pixels of ``primary`` (view, row, column), whose spacing (row, column) is ``pixel_mm``."""
        xp, fft = xp_of(primary), fft_of(primary)
        p = xp.clip(primary, 1e-6, 1.0)
        potential = self.amplitude * pixel_mm[0] * pixel_mm[1] * p**self.alpha * (-xp.log(p)) ** self.beta
        pads = [int(np.ceil(2 * n)) for n in primary.shape[1:]]
        response = xp.asarray(self._response(pads, pixel_mm), dtype=primary.dtype)
        spectrum = fft.rfft2(potential, s=pads) * response
        return fft.irfft2(spectrum, s=pads)[:, : p.shape[1], : p.shape[2]].astype(primary.dtype, copy=False)

    def _response(self, shape: Sequence[int], pixel_mm: tuple[float, float]) -> HostArray:
        """The kernel's transfer function on (row, column) frequencies of a padded detector."""
        rows, columns = (np.fft.fftfreq(n, 1 / n) * step for n, step in zip(shape, pixel_mm, strict=True))
        r2 = rows[:, None] ** 2 + columns**2
        kernel = np.exp(-r2 / (2 * self.sigma_mm**2)) + self.wide_share * np.exp(-r2 / (2 * self.wide_sigma_mm**2))
        return np.asarray(np.fft.rfft2(kernel).real)


class ScatterFree(NamedTuple):
    """``primary`` (view, row, column) and the mean share of the measured signal that was scatter."""

    primary: Array
    scatter_share: float


def remove_scatter(
    transmission: Array, kernel: ScatterKernel, pixel_mm: tuple[float, float], *, n_iterations: int = 10
) -> ScatterFree:
    """Take scatter off a transmission (view, row, column) that has both: S ← (S + S(T − S)) / 2, from 0.

    The primary is kept above `LEAST_PRIMARY` of the measured value. Raises InputError for NaN, ConvergenceError
    where the last step still changes the scatter by more than a tenth: the kernel is not of this scanner.
    """
    require_finite(transmission, "the transmission")
    if not min(pixel_mm) > 0:
        raise InputError("pixels have a positive size", got=pixel_mm)
    xp = xp_of(transmission)
    floor = LEAST_PRIMARY * xp.maximum(transmission, 1e-6)
    scatter, change = xp.zeros_like(transmission), 0.0
    for _ in range(n_iterations):
        before = scatter
        # the mean of the last two, since the estimate swings: more scatter, less primary, less scatter
        scatter = 0.5 * (before + kernel(xp.maximum(transmission - before, floor), pixel_mm))
        change = float(xp.abs(scatter - before).sum(dtype=xp.float64))
    primary = xp.maximum(transmission - scatter, floor)
    total = float(scatter.sum(dtype=xp.float64))
    if change > 0.1 * total:
        raise ConvergenceError(
            "the scatter estimate does not settle", expected="a last change below 10 %", got=f"{change / total:.0%}",
            do="fit the kernel to this scanner",
        )  # fmt: skip
    measured = float(xp.maximum(transmission, 0).sum(dtype=xp.float64))
    return ScatterFree(primary, total / measured if measured else 0.0)


def fit_scatter_kernel(
    primaries: Sequence[Array], scatters: Sequence[Array], pixel_mm: tuple[float, float], *, start: ScatterKernel
) -> ScatterKernel:
    """The kernel whose scatter of the ``primaries`` is nearest to the ``scatters``, both lists of (row, column).

    They come from measurements with and without a beam stop, or from a simulation. Least squares over all six
    numbers from ``start``, within 0 <= α <= 2, 0.5 <= β <= 2 and widths of 1 to 650 mm. Objects of several thicknesses
    are needed, since one cannot tell the amplitude from α and β.
    """
    from scipy.optimize import least_squares

    pairs = [
        (to_host(p).astype(np.float64)[None], to_host(s).astype(np.float64))
        for p, s in zip(primaries, scatters, strict=True)
    ]
    if not pairs:
        raise InputError("a kernel is fitted to at least one pair of primary and scatter")
    first = np.array([np.log(start.amplitude), start.alpha, start.beta, np.log(start.sigma_mm),
                      np.log(max(start.wide_share, 1e-3)), np.log(start.wide_sigma_mm)])  # fmt: skip

    def kernel(x: HostArray) -> ScatterKernel:
        return ScatterKernel(float(np.exp(x[0])), float(x[1]), float(x[2]), *(float(np.exp(v)) for v in x[3:]))

    def misfit(x: HostArray) -> HostArray:
        return np.concatenate([((kernel(x)(p, pixel_mm)[0] - s) / s.mean()).ravel() for p, s in pairs])

    lower, upper = [-40.0, 0.0, 0.5, 0.0, -8.0, 1.0], [5.0, 2.0, 2.0, 6.0, 2.0, 6.5]
    found = least_squares(misfit, first, bounds=(lower, upper))
    return kernel(found.x)
