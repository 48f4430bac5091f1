"""Two images in the fields of a checkerboard: edges must go on from field to field."""

from __future__ import annotations

from scanmill.algorithms.rendering.colour_maps import ColourMap, coloured
from scanmill.algorithms.rendering.windowing import Window, check_same_shape
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError


def checkerboard(
    first: Array,
    second: Array,
    *,
    field: int = 32,
    first_window: Window | None = None,
    second_window: Window | None = None,
    colours: tuple[ColourMap, ColourMap] = ("grey", "grey"),
) -> Array:
    """The images in turns of ``field`` × ``field`` pixels, ``first`` in the corner: (..., y, x, 3) RGB uint8.

    Each has its own window (black, white), so that modalities may differ. Slices (z) all have the same board.

    Raises InputError for other shapes, NaN or Inf, SpecError for a field of no pixels.

    >>> import numpy as np
    >>> checkerboard(np.zeros((2, 2)), np.ones((2, 2)), field=1, second_window=(0, 1))[..., 0].tolist()
    [[0, 255], [255, 0]]
    """
    check_same_shape(first, second)
    if field < 1:
        raise SpecError("a field of the checkerboard has pixels", expected="1 or more", got=field)
    xp = xp_of(first)
    y, x = (xp.arange(n) // field for n in first.shape[-2:])
    is_second = ((y[:, None] + x[None, :]) % 2).astype(bool)[..., None]
    pictures = coloured(first, colours[0], first_window), coloured(second, colours[1], second_window)
    return xp.where(is_second, pictures[1], pictures[0])
