"""One image in colours over another in grey."""

from __future__ import annotations

from scanmill.algorithms.rendering.colour_maps import ColourMap, rgb_shares
from scanmill.algorithms.rendering.windowing import Window, check_same_shape, to_bytes, windowed
from scanmill.arrays import Array
from scanmill.errors import SpecError


def overlay(
    base: Array,
    top: Array,
    *,
    alpha: float = 0.5,
    colours: ColourMap = "hot",
    base_window: Window | None = None,
    top_window: Window | None = None,
    by_value: bool = True,
) -> Array:
    """``top`` in ``colours`` over ``base`` in grey: (*shape, 3) RGB uint8, both images of one shape.

    out = (1 − a) base + a top with a = ``alpha``, and ``by_value`` a = alpha · (top's share of its window), so that
    what is dark in ``top`` (air, no uptake) does not darken the base. Windows are (black, white) in each image's unit.

    Raises InputError for other shapes, NaN or Inf, SpecError for an alpha outside 0 to 1.

    >>> import numpy as np
    >>> ct, pet = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    >>> overlay(ct, pet, alpha=1.0).tolist()
    [[[255, 255, 255], [255, 255, 255]]]
    """
    check_same_shape(base, top)
    if not 0 <= alpha <= 1:
        raise SpecError("alpha is a share", expected="0 to 1", got=alpha)
    share = windowed(top, top_window)
    weight = (alpha * share if by_value else alpha * (share * 0 + 1))[..., None]
    under = rgb_shares(windowed(base, base_window), "grey")
    return to_bytes(under + weight * (rgb_shares(share, colours) - under))
