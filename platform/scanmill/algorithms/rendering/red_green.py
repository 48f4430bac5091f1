"""Two images in complementary channels: yellow where they agree, red or green where they do not."""

from __future__ import annotations

from scanmill.algorithms.rendering.windowing import Window, check_same_shape, to_bytes, windowed
from scanmill.arrays import Array, xp_of


def red_green(
    first: Array, second: Array, *, first_window: Window | None = None, second_window: Window | None = None
) -> Array:
    """``first`` in the red channel, ``second`` in the green one: (*shape, 3) RGB uint8.

    Only for images of like contrast; those of two modalities differ in colour even where they lie well.

    Raises InputError for other shapes, NaN or Inf.

    >>> import numpy as np
    >>> red_green(np.array([1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0])).tolist()
    [[255, 255, 0], [0, 255, 0], [255, 0, 0]]
    """
    check_same_shape(first, second)
    red, green = to_bytes(windowed(first, first_window)), to_bytes(windowed(second, second_window))
    xp = xp_of(red)
    return xp.stack([red, green, xp.zeros_like(red)], axis=-1)
