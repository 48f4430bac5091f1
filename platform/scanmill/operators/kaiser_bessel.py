"""The Kaiser-Bessel window: nearly the narrowest in frequency among windows of a given width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import SpecError

STEPS_PER_CELL = 4096
"""How finely the window is tabulated; between two steps it is linear, good to 1e-7."""


@dataclass(frozen=True)
class KaiserBessel:
    """I₀(β √(1 - (2 t / W)²)) / I₀(β) for |t| <= W / 2, t in cells, W = ``width``, else 0.

    β = π √((W / σ)² (σ - 1/2)² - 0.8) for a grid ``oversampling`` = σ times finer than needed (Beatty, Nishimura &
    Pauly, IEEE Trans. Med. Imaging 24 (2005) 799, eq. 5; the window in MRI: Jackson et al., ibid. 10 (1991) 473).

    >>> KaiserBessel(4, 2.0).values(np.array([0.0, 2.5])).tolist()
    [1.0, 0.0]
    """

    width: int
    oversampling: float

    def __post_init__(self) -> None:
        if not 2 <= self.width <= 16 or not 1.25 <= self.oversampling <= 4:
            raise SpecError(
                "impossible gridding window",
                expected="width 2 to 16, oversampling 1.25 to 4",
                got=(self.width, self.oversampling),
            )

    @property
    def beta(self) -> float:
        """The shape parameter."""
        w, s = self.width, self.oversampling
        return float(np.pi * np.sqrt((w / s) ** 2 * (s - 0.5) ** 2 - 0.8))

    def values(self, t: HostArray) -> HostArray:
        """The window at distances ``t`` in cells, float64."""
        half = self.width * STEPS_PER_CELL // 2
        at = np.minimum(np.arange(half + 2) / half, 1.0)
        table = np.i0(self.beta * np.sqrt(1 - at**2)) / np.i0(self.beta) * (np.arange(half + 2) <= half)
        steps = np.abs(t) * STEPS_PER_CELL
        low = np.minimum(steps.astype(np.int64), half)
        return np.where(steps <= half, table[low] + (steps - low) * (table[low + 1] - table[low]), 0.0)

    def transform(self, f: HostArray) -> HostArray:
        """Its Fourier transform at ``f`` cycles per cell: W sinh(s) / (s I₀(β)) with s = √(β² - (π W f)²)."""
        s = np.sqrt((self.beta**2 - (np.pi * self.width * np.asarray(f)) ** 2).astype(complex))
        return np.real(self.width * np.sinh(s) / (s * np.i0(self.beta)))
