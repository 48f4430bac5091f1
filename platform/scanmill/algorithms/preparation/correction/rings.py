"""Rings in the image are stripes in the sinogram: pixels whose gain the flat field has missed."""

from __future__ import annotations

from typing import Literal

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, ndimage_of, xp_of
from scanmill.errors import SpecError

RingMethod = Literal["offset", "sorted"]


def remove_rings(sinogram: Array, *, size: int = 11, method: RingMethod = "offset") -> Array:
    """Line integrals (view, row, column) without the stripes that make rings.

    ``"offset"``: a wrong gain adds one number to a pixel's line integrals; it is the median over the views of what
    lies above the median of ``size`` columns, and is taken off. Structure moves over the columns from view to view
    and so hardly counts, unless it lies on the axis. After M. Boin, A. Haibel, "Compensation of ring artefacts in
    synchrotron tomographic images", Opt. Express 14 (2006) 12071, with medians for their means.

    ``"sorted"``, for stripes that depend on the intensity: the values of each pixel over the views are sorted, a
    median over ``size`` columns is taken of each level, and the order of the views restored (N. Vo, R. Atwood,
    M. Drakopoulos, "Superior techniques for eliminating ring artifacts in X-ray micro-tomography", Opt. Express 26
    (2018) 28396, algorithm 3). It rounds every steep edge a little, and harms coarse detectors.

    ``size`` is odd and more than twice a stripe's width. Raises InputError for NaN, SpecError for another size.

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
        return sinogram - xp.median(sinogram - _smooth(sinogram, size), axis=0, keepdims=True)
    order = xp.argsort(sinogram, axis=0)
    levels = _smooth(xp.take_along_axis(sinogram, order, axis=0), size)
    return xp.take_along_axis(levels, xp.argsort(order, axis=0), axis=0)


def _smooth(array: Array, size: int) -> Array:
    return ndimage_of(array).median_filter(array, size=(1, 1, size), mode="nearest")
