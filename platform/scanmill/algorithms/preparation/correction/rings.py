"""Rings in the image are stripes in the sinogram: pixels whose gain the flat field has missed."""

from __future__ import annotations

from typing import Literal

import numpy as np

from scanmill.algorithms.preparation.correction.bad_pixels import fill_bad_pixels
from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import SpecError

RingMethod = Literal["offset", "sorted"]
STANDS_OUT = 6.0
"""So many standard deviations (of all pixels' offsets, robustly) make a stripe that its neighbours must not see."""
LEAST_STRIPE = 3e-3
"""Offsets below this share of the mean line integral are no such stripes, however even the detector is."""
DOUBT = 0.1
"""An offset is believed less by this part of its standard deviation over the views."""


def remove_rings(sinogram: Array, *, size: int = 7, method: RingMethod = "offset") -> Array:
    """Line integrals (view, row, column) without the stripes that make rings.

    ``"offset"``: a wrong gain adds one number to a pixel's line integrals; it is the median over the views of what
    lies above the median of the ``size`` - 1 columns around it, and is taken off. Pixels that stand out are bridged
    before they count as neighbours. Structure moves over the columns from view to view and so hardly counts, unless it
    lies on the axis. After M. Boin, A. Haibel, "Compensation of ring artefacts in synchrotron tomographic images", Opt.
    Express 14 (2006) 12071, with medians for their means.

    ``"sorted"``, for stripes that depend on the intensity: the values of each pixel over the views are sorted, a
    median over ``size`` columns is taken of each level, and the order of the views restored (N. Vo, R. Atwood,
    M. Drakopoulos, "Superior techniques for eliminating ring artifacts in X-ray micro-tomography", Opt. Express 26
    (2018) 28396, algorithm 3). It rounds every steep edge a little, and harms coarse detectors.

    ``size`` is odd and more than twice the width of a stripe that is not bridged; a small one spares the object.
    Raises InputError for NaN, SpecError for another size.

    >>> import numpy as np
    >>> ramp = np.linspace(0, 1, 5)[:, None, None] + np.zeros((5, 1, 7))
    >>> striped = ramp + np.array([0, 0, 0, 0.3, 0, 0, 0])
    >>> [bool(np.allclose(remove_rings(striped, size=5, method=m), ramp)) for m in ("offset", "sorted")]
    [True, True]
    """
    if not (size >= 3 and size % 2 == 1):
        raise SpecError("a median is taken over an odd number of columns", expected="3, 5, ...", got=size)
    require_finite(sinogram, "the sinogram")
    xp = xp_of(sinogram)
    if method == "offset":
        return sinogram - _offsets(sinogram, size)
    order = xp.argsort(sinogram, axis=0)
    window = (1, 1, size)
    levels = ndimage_of(sinogram).median_filter(xp.take_along_axis(sinogram, order, axis=0), window, mode="nearest")
    return xp.take_along_axis(levels, xp.argsort(order, axis=0), axis=0)


def _offsets(sinogram: Array, size: int) -> Array:
    """What each pixel (row, column) adds to its line integrals: the median over the views of `_above`.

    What differs from view to view is the object or noise: the answer is drawn to zero by a part of its spread.
    """
    xp = xp_of(sinogram)
    rough = xp.abs(xp.median(_above(sinogram, sinogram, size), axis=0))
    usual = 1.4826 * float(xp.median(rough))
    striped = rough > max(STANDS_OUT * usual, LEAST_STRIPE * float(xp.abs(sinogram).mean()))
    above = _above(sinogram, fill_bad_pixels(sinogram, striped), size)
    offset = xp.median(above, axis=0)
    spread = 1.4826 * xp.median(xp.abs(above - offset), axis=0)
    return xp.sign(offset) * xp.maximum(xp.abs(offset) - DOUBT * spread, 0)


def _above(sinogram: Array, around: Array, size: int) -> Array:
    """How far each pixel lies above the median of its neighbours in ``around``.

    The pixel itself is none of them: it would be their median wherever the object rises evenly, and hide its stripe.
    """
    others = np.ones((1, 1, size), dtype=bool)
    others[..., size // 2] = False
    rank, n = ndimage_of(around).rank_filter, size - 1
    low, high = (rank(around, r, footprint=others, mode="nearest") for r in (n // 2 - 1, n // 2))
    return sinogram - (low + high) / 2
