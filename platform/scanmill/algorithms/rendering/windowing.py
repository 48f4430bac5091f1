"""Grey windows: which values are black and white."""

from __future__ import annotations

import math

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError, SpecError

Window = tuple[float, float]
"""What is black and what is white, in the image's unit."""


def full_window(image: Array) -> Window:
    """From the least to the greatest value; a constant image is black.

    Raises InputError for NaN or Inf.

    >>> import numpy as np
    >>> full_window(np.array([3.0, -1.0])), full_window(np.array([2.0, 2.0]))
    ((-1.0, 3.0), (2.0, 3.0))
    """
    low, high = float(image.min()), float(image.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("a picture needs finite values", expected="no NaN or Inf")
    return low, high if high > low else low + 1.0


def windowed(image: Array, window: Window | None = None) -> Array:
    """The share 0 (black) to 1 (white) of each value, float32, clipped; the full range where there is no ``window``.

    Raises InputError for NaN or Inf, SpecError for a window that does not rise.

    >>> import numpy as np
    >>> windowed(np.array([-1.0, 0.5, 9.0]), (0.0, 1.0)).tolist()
    [0.0, 0.5, 1.0]
    """
    xp = xp_of(image)
    full = full_window(image)
    low, high = full if window is None else window
    if not high > low:
        raise SpecError("a window rises from black to white", got=window)
    return xp.clip((image.astype(xp.float64) - low) / (high - low), 0, 1).astype(xp.float32)


def check_same_shape(first: Array, second: Array) -> None:
    """Both pictures show the same places, or an InputError."""
    if first.shape != second.shape:
        raise InputError(
            "two images in one picture need one grid", expected=first.shape, got=second.shape, do="resample one first"
        )


def to_bytes(share: Array) -> Array:
    """Shares 0 to 1 as uint8, rounded.

    >>> import numpy as np
    >>> to_bytes(np.array([0.0, 0.5, 1.0], np.float32)).tolist()
    [0, 128, 255]
    """
    xp = xp_of(share)
    return xp.floor(share * 255 + 0.5).astype(xp.uint8)
