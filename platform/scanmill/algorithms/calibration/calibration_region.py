"""The fully sampled middle of k-space, from which coils are calibrated."""

from __future__ import annotations

from scanmill.arrays import Array, HostArray, to_host
from scanmill.data import KSpace
from scanmill.errors import InputError
from scanmill.operators.fourier import FourierOp

Box = tuple[slice, slice, slice]
"""Slices of z, y and x."""
LEAST_LINES = 4
"""A calibration region shorter than this along an axis that is longer is none."""


def calibration_region(sampling_mask: Array) -> Box:
    """The box around zero frequency, at n // 2, that a mask (z, y, x) samples fully.

    It grows from the middle by one plane at a time, in turn to all sides, as long as that plane is fully sampled.
    Raises InputError where the middle itself was not sampled.

    >>> import numpy as np
    >>> mask = np.zeros((1, 9, 4), bool)
    >>> mask[:, ::3], mask[:, 3:7] = True, True
    >>> calibration_region(mask)
    (slice(0, 1, None), slice(3, 7, None), slice(0, 4, None))
    """
    mask = to_host(sampling_mask)
    low = [n // 2 for n in mask.shape]
    high = [n // 2 + 1 for n in mask.shape]
    if not mask[tuple(low)]:
        raise InputError("k-space has no calibration region: its middle was not sampled", do="give reference lines")
    grows = True
    while grows:
        grows = sum(_grow(mask, low, high, axis) for axis in range(3)) > 0
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def calibration_of(kspace: KSpace, *, width: int = 24) -> Array:
    """The samples (frame, slice, coil, z, y, x) around zero frequency, at most ``width`` along an axis.

    They are the reference lines where these were measured apart, else the box that all frames and slices sampled.
    Raises InputError for a trajectory and where the box is shorter than `LEAST_LINES` along an axis that is longer.
    """
    if not kspace.is_cartesian:
        raise InputError("a trajectory has no calibration region", do="grid its middle, then use low_frequencies")
    block = kspace.calibration
    if block is None:
        box = calibration_region(kspace.sampled().all(axis=(0, 1)))
        shape = kspace.array.shape[3:]
        if any(s.stop - s.start < min(n, LEAST_LINES) for s, n in zip(box, shape, strict=True)):
            raise InputError(
                "the calibration region is too small", expected=f"(z, y, x) of {LEAST_LINES} or more of {shape}",
                got=tuple(s.stop - s.start for s in box), do="give reference lines",
            )  # fmt: skip
        middle = tuple(_around(n // 2, s.start, s.stop, width) for s, n in zip(box, shape, strict=True))
        block = kspace.array[(..., *middle)]
    return block[(..., *(_around(n // 2, 0, n, width) for n in block.shape[3:]))]


def low_frequencies(coil_images: Array, *, width: int = 24) -> Array:
    """The middle of the k-space of images (..., z, y, x), at most ``width`` along an axis.

    For images gridded from a trajectory that samples its middle densely.
    """
    k = FourierOp(coil_images.shape)(coil_images)
    return k[(..., *(_around(n // 2, 0, n, width) for n in k.shape[-3:]))]


def _around(middle: int, start: int, stop: int, width: int) -> slice:
    """At most ``width`` indices within start to stop, zero frequency at their n // 2 where the box has room for it."""
    width = min(width, stop - start)
    first = min(max(middle - width // 2, start), stop - width)
    return slice(first, first + width)


def _grow(mask: HostArray, low: list[int], high: list[int], axis: int) -> bool:
    """Take in the planes below and above along an axis, where they are sampled within the box."""
    grown = False
    for below in (True, False):
        plane = low[axis] - 1 if below else high[axis]
        if not 0 <= plane < mask.shape[axis]:
            continue
        box = [slice(a, b) for a, b in zip(low, high, strict=True)]
        box[axis] = slice(plane, plane + 1)
        if mask[tuple(box)].all():
            low[axis], high[axis] = (plane, high[axis]) if below else (low[axis], plane + 1)
            grown = True
    return grown
