"""A template of many images: sums that are exact in any order, and the mean shape."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.registration.resample import resample
from scanmill.arrays import HostArray
from scanmill.data import Labels, Volume
from scanmill.data.transforms import DisplacementField
from scanmill.errors import InputError

ONE = 2.0**32
"""What 1 is in fixed-point numbers: whole numbers add up to the same sum in whatever order they come."""
LARGEST = 2.0**30
"""How far sums may reach."""


def fixed_point(array: HostArray) -> HostArray:
    """The array in whole multiples of 2^-32, int64, so that sums of many do not depend on their order.

    Raises InputError for values beyond 2^30.

    >>> fixed_point(np.array([0.5, -1.0])).tolist()
    [2147483648, -4294967296]
    """
    reach = float(np.abs(array).max(initial=0.0))
    if not reach <= LARGEST:
        raise InputError("values too large to be summed exactly", expected=f"at most {LARGEST:g}", got=reach)
    return np.asarray(np.rint(np.asarray(array, np.float64) * ONE).astype(np.int64))


def mean_of(total: HostArray, n: int) -> HostArray:
    """The float64 mean of ``n`` arrays whose fixed-point sum is ``total``."""
    return np.asarray(total / (ONE * n))


def unit_range(image: HostArray, percentiles: tuple[float, float] = (1.0, 99.0)) -> HostArray:
    """The image with these percentiles at 0 and 1: images of other gains and offsets become comparable.

    Raises InputError for an image without contrast.

    >>> unit_range(np.arange(101.0), (0, 50))[[0, 50, 100]].tolist()
    [0.0, 1.0, 2.0]
    """
    low, high = np.percentile(image, percentiles)
    if not high > low:
        raise InputError("an image without contrast has no place in a template", got=f"{low:g} to {high:g}")
    return np.asarray((image - low) / (high - low))


def centred_displacement(mean: DisplacementField) -> DisplacementField:
    """The mean displacement u without its mean over the grid: where images lie is no part of their shape."""
    array = np.asarray(mean.array, np.float64)
    return DisplacementField(array - array.mean(axis=(0, 1, 2)), mean.geometry)


def in_mean_shape(image: Volume, labels: Labels, mean: DisplacementField) -> tuple[Volume, Labels, float]:
    """Mean image and labels, moved from the shape of the last template to the mean shape of all images; and the RMS of
    that move in mm.

    With T_i from the template to image i and u = mean(T_i(x) - x), centred, the new template at z looks at
    (id + u)^-1 (z): then the mean of all ways from it to the images is zero, to first order.
    Source: Guimond, Meunier, Thirion (Comput Vis Image Underst 77:192, 2000).
    """
    shape = centred_displacement(mean)
    back, _ = DisplacementField.inverted(shape, image.geometry)
    rms = float(np.sqrt((np.asarray(shape.array) ** 2).sum(axis=-1).mean()))
    outside = float(image.array.min())
    return resample(image, image.geometry, back, outside=outside), resample(labels, image.geometry, back), rms
