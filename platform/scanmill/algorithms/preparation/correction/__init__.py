"""What a detector and a beam do wrong, put right in the projections."""

from scanmill.algorithms.preparation.correction.bad_pixels import fill_bad_pixels, find_bad_pixels
from scanmill.algorithms.preparation.correction.beam_hardening import (
    WaterPolynomial,
    water_polynomial,
    water_polynomial_of_scan,
)
from scanmill.algorithms.preparation.correction.metal import (
    MetalMethod,
    WithoutMetal,
    bridge,
    insert_metal,
    metal_shadow,
    reduce_metal,
)
from scanmill.algorithms.preparation.correction.rings import RingMethod, remove_rings
from scanmill.algorithms.preparation.correction.scatter import (
    ScatterFree,
    ScatterKernel,
    fit_scatter_kernel,
    remove_scatter,
)
from scanmill.algorithms.preparation.correction.starvation import ENOUGH_PHOTONS, Unstarved, smooth_starved
from scanmill.algorithms.preparation.correction.truncation import extend_truncated, truncated_share

__all__ = [
    "ENOUGH_PHOTONS",
    "MetalMethod",
    "RingMethod",
    "ScatterFree",
    "ScatterKernel",
    "Unstarved",
    "WaterPolynomial",
    "WithoutMetal",
    "bridge",
    "extend_truncated",
    "fill_bad_pixels",
    "find_bad_pixels",
    "fit_scatter_kernel",
    "insert_metal",
    "metal_shadow",
    "reduce_metal",
    "remove_rings",
    "remove_scatter",
    "smooth_starved",
    "truncated_share",
    "water_polynomial",
    "water_polynomial_of_scan",
]
