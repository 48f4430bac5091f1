"""Colour maps as formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from scanmill.algorithms.rendering.windowing import Window, to_bytes, windowed
from scanmill.arrays import Array, xp_of
from scanmill.errors import SpecError

ColourMap = Literal["grey", "hot", "red", "green", "blue"]


def coloured(image: Array, colours: ColourMap = "grey", window: Window | None = None) -> Array:
    """``image`` (any shape) in colours: (*shape, 3) RGB uint8, ``window`` from the map's dark to its bright end.

    ``hot`` runs from black over red and yellow to white, as PET is shown; MATLAB's formula with n → ∞.

    >>> import numpy as np
    >>> coloured(np.array([0.0, 0.375, 0.75, 1.0]), "hot").tolist()
    [[0, 0, 0], [255, 0, 0], [255, 255, 0], [255, 255, 255]]
    """
    return to_bytes(rgb_shares(windowed(image, window), colours))


def rgb_shares(share: Array, colours: ColourMap) -> Array:
    """Shares 0 to 1 to RGB shares, (*shape, 3) float32."""
    if colours not in _MAPS:
        raise SpecError("unknown colour map", expected=", ".join(_MAPS), got=colours)
    return _MAPS[colours](share)


def _grey(share: Array) -> Array:
    return xp_of(share).stack([share, share, share], axis=-1)


def _hot(share: Array) -> Array:
    xp = xp_of(share)
    return xp.stack([xp.clip(share / 0.375 - n, 0, 1) for n in (0, 1)] + [xp.clip(4 * share - 3, 0, 1)], axis=-1)


def _only(channel: int) -> Callable[[Array], Array]:
    def one(share: Array) -> Array:
        out = xp_of(share).zeros((*share.shape, 3), share.dtype)
        out[..., channel] = share
        return out

    return one


_MAPS: Mapping[str, Callable[[Array], Array]] = {
    "grey": _grey,
    "hot": _hot,
    "red": _only(0),
    "green": _only(1),
    "blue": _only(2),
}
