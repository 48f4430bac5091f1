"""How real numbers become DICOM's 16-bit integers and a slope and intercept that a DS can write exactly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
TOP = 32767
RELATIVE_STEP = Decimal("1e-7")
"""No slope is smaller than this part of the largest value: float32 knows no more, and DS holds 16 characters."""


@dataclass(frozen=True)
class Rescale:
    """``value = slope * stored + intercept``, both exact decimals.

    >>> Rescale.of(np.array([-1000.0, 2000.5]))
    Rescale(slope=Decimal('0.05'), intercept=Decimal('500.25'))
    >>> Rescale.of(np.array([-1000, 3071], np.int16))
    Rescale(slope=Decimal('1'), intercept=Decimal('0'))
    """

    slope: Decimal = Decimal(1)
    intercept: Decimal = Decimal(0)

    @classmethod
    def of(cls, values: HostArray) -> Rescale:
        """The finest slope of the form 1, 2 or 5 times a power of ten with which all values fit; 1 for integers.

        Raises InputError for values that are not finite.
        """
        low, high = float(values.min()), float(values.max())
        if not np.isfinite([low, high]).all():
            raise InputError("a DICOM image cannot hold values that are not finite", got=f"{low} to {high}")
        if values.dtype.kind in "iub" and high - low <= 2 * TOP + 1:
            fits = low >= -TOP - 1 and high <= TOP
            return cls() if fits else cls(intercept=Decimal(int(low) + TOP + 1))
        largest = Decimal(max(abs(low), abs(high)))
        if largest == 0:
            return cls()
        slope = _next_step(max((Decimal(high) - Decimal(low)) / (2 * TOP - 1), largest * RELATIVE_STEP))
        middle = (Decimal(low) + Decimal(high)) / 2
        return cls(slope, (middle / slope).to_integral_value() * slope)

    def check(self, values: HostArray) -> None:
        """Raise InputError unless all values are finite and fit into an int16 of this slope and intercept."""
        ends = np.array([values.min(), values.max()], dtype=np.float64)
        if not np.isfinite(ends).all():
            raise InputError("a DICOM image cannot hold values that are not finite", got=f"{ends[0]} to {ends[1]}")
        low, high = (float(self.slope) * n + float(self.intercept) for n in (-TOP - 1.5, TOP + 0.5))
        if ends[0] < low or ends[1] > high:
            raise InputError(
                "the image does not fit 16 bits with the slope of this job",
                expected=f"{low:.6g} to {high:.6g}",
                got=f"{ends[0]:.6g} to {ends[1]:.6g}",
                do="take a larger slope, or a smaller scale",
            )

    def store(self, values: HostArray) -> HostArray:
        """The nearest int16."""
        scaled = (values.astype(np.float64) - float(self.intercept)) / float(self.slope)
        return np.clip(np.rint(scaled), -TOP - 1, TOP).astype("<i2")


def _next_step(at_least: Decimal) -> Decimal:
    power = Decimal(10) ** at_least.adjusted()
    return next(step * power for step in STEPS if step * power >= at_least)
