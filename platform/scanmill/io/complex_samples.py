"""Samples of k-space as they come out of a file: complex, finite, single precision."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError

LARGEST = 1e30
"""Larger parts of a sample are no measurement, and sums of them leave float32."""


def complex_samples(array: HostArray, where: str, what: str = "samples") -> HostArray:
    """``array`` as complex64, no copy where it is; InputError for real numbers, NaN, Inf or above ``LARGEST``.

    >>> complex_samples(np.ones(2, np.complex128), "a.npy").dtype
    dtype('complex64')
    """
    if array.dtype.kind != "c":
        raise InputError(f"{what} must be complex", where=where, got=array.dtype)
    with np.errstate(over="ignore"):
        values = array.astype(np.complex64, copy=False)
    for number, part in enumerate(values if values.ndim > 1 else values[None]):
        if not is_sound(part):
            raise InputError(f"{what} must be finite", where=where, expected="no NaN or Inf",
                             got=f"some at index {number} of the first axis")  # fmt: skip
    return values


def is_sound(samples: HostArray) -> bool:
    """Whether complex samples are finite and not larger than ``LARGEST``."""
    return all(part.size == 0 or float(np.abs(part).max()) < LARGEST for part in (samples.real, samples.imag))
