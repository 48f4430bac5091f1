"""First-order statistics of the intensities in a region."""

from __future__ import annotations

from scanmill.algorithms.features.box import Region, cut_out
from scanmill.arrays import Array, to_host, xp_of

STATISTICS = (
    "mean",
    "variance",
    "skewness",
    "kurtosis",
    "median",
    "minimum",
    "percentile_10",
    "percentile_90",
    "maximum",
    "interquartile_range",
    "range",
    "mean_absolute_deviation",
    "robust_mean_absolute_deviation",
    "median_absolute_deviation",
    "coefficient_of_variation",
    "quartile_coefficient_of_dispersion",
    "energy",
    "root_mean_square",
)
"""The names and their order, those of the IBSI reference manual."""


def intensity_statistics(image: Array, region: Region = None) -> dict[str, float]:
    """The 18 statistics of section 3.3 of the IBSI reference manual (A. Zwanenburg et al., arXiv 1612.07003 v11).

    Kurtosis is the excess (0 for a normal distribution); the variance divides by the number of voxels; percentiles
    interpolate linearly. "Robust" keeps the voxels between the 10th and the 90th percentile; "median absolute
    deviation" is the mean distance to the median. Skewness and kurtosis are 0 for a region of one value; what would
    divide by 0 is 0. PyRadiomics names the same numbers firstorder, but its kurtosis is 3 greater.

    >>> import numpy as np
    >>> values = intensity_statistics(np.array([[1.0, 1.0, 4.0], [1.0, 1.0, 4.0]]))
    >>> values["mean"], values["variance"], values["energy"]
    (2.0, 2.0, 36.0)
    """
    xp = xp_of(image)
    part, inside = cut_out(image, region)
    x = part[inside].astype(xp.float64)
    p10, p25, p50, p75, p90 = (float(v) for v in to_host(xp.percentile(x, xp.asarray([10, 25, 50, 75, 90]))))
    mean, least, greatest = float(x.mean()), float(x.min()), float(x.max())
    centred = x - mean
    squared = centred * centred
    variance = float(squared.mean())
    sigma = variance**0.5
    middle = x[(x >= p10) & (x <= p90)]
    energy = float((x * x).sum())
    values = (
        mean,
        variance,
        _ratio(float((squared * centred).mean()), sigma**3),
        _ratio(float((squared * squared).mean()), variance**2) - 3 * (variance > 0),
        p50,
        least,
        p10,
        p90,
        greatest,
        p75 - p25,
        greatest - least,
        float(abs(centred).mean()),
        float(abs(middle - middle.mean()).mean()),
        float(abs(x - p50).mean()),
        _ratio(sigma, mean),
        _ratio(p75 - p25, p75 + p25),
        energy,
        (energy / x.size) ** 0.5,
    )
    return dict(zip(STATISTICS, values, strict=True))


def _ratio(a: float, b: float) -> float:
    return a / b if b else 0.0
