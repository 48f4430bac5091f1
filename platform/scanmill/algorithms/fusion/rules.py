"""Which image speaks in a band: rules for bands (n, ...) of n images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import SpecError
from scanmill.operators.linear import LinearOperator

Rule = Literal["max-abs", "local-energy", "average"]
WINDOW = 3
"""Voxels of the window of the local energy, along each axis."""


def combine(bands: Array, rule: Rule) -> Array:
    """Bands (n, ...) of n images to one band (...), by ``rule``.

    ``max-abs`` takes the coefficient of greatest magnitude, ``local-energy`` that of the image whose mean square over
    `WINDOW` voxels along each axis is greatest (P. J. Burt, R. J. Kolczynski, ICCV 1993), ``average`` the mean. Among
    equals the first image is taken.

    >>> import numpy as np
    >>> combine(np.array([[1.0, -3.0], [2.0, 1.0]]), "max-abs").tolist()
    [2.0, -3.0]
    """
    if rule not in _ACTIVITY:
        raise SpecError("unknown rule of fusion", expected=", ".join(_ACTIVITY), got=rule)
    measure = _ACTIVITY[rule]
    if measure is None:
        return bands.mean(axis=0)
    return choose(bands, measure(bands))


def combined_bands(stack: Array, op: LinearOperator, rule: Rule, base: Rule) -> Array:
    """The bands (band, ...) that ``op`` makes of each image of a stack, combined: the first by ``base``."""
    xp = xp_of(stack)
    bands = xp.empty((len(stack), *op.out_shape), op.dtype)
    for number, image in enumerate(stack):
        bands[number] = op(image)
    fused = xp.empty(op.out_shape, op.dtype)
    for band in range(len(fused)):
        fused[band] = combine(bands[:, band], rule if band else base)
    return fused


def choose(bands: Array, activity: Array) -> Array:
    """The value of the image whose ``activity`` (n, ...) is greatest, voxel by voxel."""
    xp = xp_of(bands)
    return xp.take_along_axis(bands, activity.argmax(axis=0)[None], axis=0)[0]


def _local_energy(bands: Array) -> Array:
    sizes = [1, *(WINDOW if n > 1 else 1 for n in bands.shape[1:])]
    return ndimage_of(bands).uniform_filter(bands * bands, sizes, mode="mirror")


_ACTIVITY: Mapping[str, Callable[[Array], Array] | None] = {
    "max-abs": abs,
    "local-energy": _local_energy,
    "average": None,
}
