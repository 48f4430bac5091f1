"""What every step of MR refuses of k-space: numbers that are none, and k-space without a sample."""

from __future__ import annotations

from scanmill.arrays import xp_of
from scanmill.data import KSpace
from scanmill.errors import InputError


def require_sound(scan: KSpace, port: str) -> None:
    """Refuse NaN and infinity among samples, noise and reference lines, and a mask without a point."""
    for name, array in (("samples", scan.array), ("noise", scan.noise), ("reference lines", scan.calibration)):
        if array is not None and not bool(xp_of(array).isfinite(array).all()):
            raise InputError(f"the {name} must be finite", where=port, expected="no NaN or Inf")
    if scan.is_cartesian and not bool(scan.sampled().any()):
        raise InputError("the sampling mask is empty", where=port, got="no point of k-space that is not zero",
                         do="look whether the scan was cut off, or its mask is that of another one")  # fmt: skip
