"""From counts to transmission."""

from __future__ import annotations

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, to_host, xp_of
from scanmill.errors import InputError


def dead_pixels(dark: Array, flat: Array) -> Array:
    """Where the open beam reads no more than the closed one: (row, column), bool."""
    return ~(flat > dark)


def transmission(counts: Array, dark: Array, flat: Array) -> Array:
    """(counts − dark) / (flat − dark), with dead pixels filled from their live neighbours in the row.

    ``counts`` (view, row, column); ``dark`` and ``flat`` the mean fields (row, column). The result has the float type
    of ``counts`` (float32 for integers) and is not clipped: noise may push it below 0 or above 1.
    Raises InputError for numbers that are not finite, for fields of another shape, and for a row without one live
    pixel (dark and flat exchanged, for example).

    >>> import numpy as np
    >>> counts, dark = np.array([[[110.0, 60.0, 0.0, 35.0]]]), np.array([[10.0, 10.0, 0.0, 10.0]])
    >>> transmission(counts, dark, flat=np.array([[210.0, 110.0, 0.0, 110.0]]))
    array([[[0.5  , 0.5  , 0.375, 0.25 ]]])
    """
    xp = xp_of(counts)
    for name, field in (("the dark field", dark), ("the flat field", flat)):
        if tuple(field.shape) != tuple(counts.shape[1:]):
            raise InputError(f"{name} does not fit the counts", expected=tuple(counts.shape[1:]), got=field.shape)
        require_finite(field, name)
    require_finite(counts, "the counts")
    dtype = counts.dtype if counts.dtype.kind == "f" else xp.dtype(xp.float32)
    dark, flat = xp.asarray(dark, dtype), xp.asarray(flat, dtype)
    dead = dead_pixels(dark, flat)
    ratio = (xp.asarray(counts, dtype) - dark) / xp.where(dead, dtype.type(1), flat - dark)
    return _filled(ratio, to_host(dead)) if bool(dead.any()) else ratio


def _filled(ratio: Array, dead: Array) -> Array:
    """Linear interpolation over the dead columns of each row; a run at the rim takes its one live neighbour."""
    for row in range(dead.shape[0]):
        gone, live = dead[row].nonzero()[0], (~dead[row]).nonzero()[0]
        if len(live) == 0:
            raise InputError(
                "the flat field is nowhere brighter than the dark field",
                where=f"detector row {row}",
                do="check that dark and flat are not exchanged",
            )
        if len(gone) == 0:
            continue
        after = live.searchsorted(gone)
        left, right = live[(after - 1).clip(0)], live[after.clip(max=len(live) - 1)]
        span = (right - left).clip(1)
        share = xp_of(ratio).asarray(((gone - left) / span).clip(0, 1), ratio.dtype)
        ratio[:, row, gone] = ratio[:, row, left] * (1 - share) + ratio[:, row, right] * share
    return ratio
