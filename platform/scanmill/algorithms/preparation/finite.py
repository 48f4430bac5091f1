"""No algorithm may turn one bad number into a whole bad image."""

from __future__ import annotations

from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError


def require_finite(array: Array, what: str) -> None:
    """Raise InputError, with the place of the first one, if ``array`` holds NaN or infinity.

    >>> import numpy as np
    >>> require_finite(np.array([[0.0, 1.0], [np.nan, 2.0]]), "the sinogram")
    Traceback (most recent call last):
    scanmill.errors.InputError: the sinogram holds numbers that are not finite: got 1, first at (1, 0); look at ...
    """
    xp = xp_of(array)
    bad = ~xp.isfinite(array)
    count = int(bad.sum())
    if count:
        first = tuple(int(i) for i in xp.unravel_index(bad.ravel().argmax(), array.shape))
        raise InputError(
            f"{what} holds numbers that are not finite",
            got=f"{count}, first at {first}",
            do="look at the file and at the card's key for this array",
        )
