"""Soft X-rays die first: a polynomial makes of what was measured what a beam of one energy would show in water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, HostArray, to_host, xp_of
from scanmill.errors import InputError

DEGREE = 4
LONGEST_MM = 500.0
N_LENGTHS = 400


@dataclass(frozen=True)
class WaterPolynomial:
    """q = Σ_k a_k p^k for k = 1, 2, ...: ``coefficients`` (a_1, a_2, ...); beyond ``largest`` p it goes on straight.

    ``water`` is the attenuation in 1/mm that water has afterwards.

    >>> WaterPolynomial((1.0, 0.1), largest=2.0, water=0.02)(np.array([1.0, 2.0, 3.0]))
    array([1.1, 2.4, 3.8])
    """

    coefficients: tuple[float, ...]
    largest: float
    water: float

    def __post_init__(self) -> None:
        if (
            not self.coefficients
            or not np.isfinite(self.coefficients).all()
            or not (self.largest > 0 and self.water > 0)
        ):
            raise InputError("a water polynomial needs finite coefficients and positive limits", got=self.coefficients)
        if not (self.slope(np.linspace(0, self.largest, 200)) > 0).all():
            raise InputError(
                "the water polynomial does not grow, so two thicknesses would be one",
                got=self.coefficients, do="take a lower degree, or data over the whole range",
            )  # fmt: skip

    def __call__(self, line_integrals: Array) -> Array:
        """The corrected line integrals, of the same shape and type; negative ones are only scaled by a_1."""
        require_finite(line_integrals, "the line integrals")
        xp = xp_of(line_integrals)
        within = xp.clip(line_integrals, 0, self.largest)
        value = xp.zeros_like(line_integrals)
        for a in reversed(self.coefficients):
            value = (value + line_integrals.dtype.type(a)) * within
        above, below = xp.maximum(line_integrals - self.largest, 0), xp.minimum(line_integrals, 0)
        end = float(self.slope(np.array([self.largest]))[0])
        return value + line_integrals.dtype.type(end) * above + line_integrals.dtype.type(self.coefficients[0]) * below

    def slope(self, p: HostArray) -> HostArray:
        """dq/dp."""
        return np.asarray(sum(k * a * p ** (k - 1) for k, a in enumerate(self.coefficients, 1)))


def water_polynomial(
    weights: npt.ArrayLike, attenuation: npt.ArrayLike, *, degree: int = DEGREE, longest_mm: float = LONGEST_MM
) -> WaterPolynomial:
    """From a spectrum: ``weights`` (n) and the ``attenuation`` of water in 1/mm (n) at the same energies.

    p(L) = −log Σ w exp(−μ L) for lengths up to ``longest_mm`` is fitted to μ₀ L, where μ₀ = Σ w μ is what thin
    water shows. G. Herman, "Correction for beam hardening in computed tomography", Phys. Med. Biol. 24 (1979) 81.

    >>> water_polynomial([1.0], [0.02], degree=1).coefficients
    (1.0,)
    """
    w, mu = (np.asarray(a, dtype=np.float64) for a in (weights, attenuation))
    if w.shape != mu.shape or w.ndim != 1 or not ((w >= 0).all() and w.sum() > 0 and (mu > 0).all()):
        raise InputError("a spectrum has a weight and a positive attenuation for every energy", got=(w.shape, mu.shape))
    if not longest_mm > 0:
        raise InputError("the longest path must be positive", got=longest_mm)
    w = w / w.sum()
    lengths = np.linspace(longest_mm / N_LENGTHS, longest_mm, N_LENGTHS)
    measured = -np.log(np.exp(-np.outer(lengths, mu)) @ w)
    return _fitted(measured, lengths, float(w @ mu), degree)


def water_polynomial_of_scan(
    line_integrals: Array, lengths_mm: Array, *, degree: int = DEGREE, water: float | None = None
) -> WaterPolynomial:
    """From a scan of water: measured ``line_integrals`` and the length of each ray in the water in mm, of one shape.

    The lengths come from the phantom's drawing, or from the projection of its segmented image. ``water`` is the
    attenuation in 1/mm that it shall have; by default the measured one of thin water, from a parabola through p / L.
    Rays with less than a hundredth of the longest path are left out, since they see the rim.
    """
    p, lengths = (to_host(a).astype(np.float64).ravel() for a in (line_integrals, lengths_mm))
    if p.shape != lengths.shape:
        raise InputError("every ray needs its length", expected=p.shape, got=lengths.shape)
    require_finite(p, "the line integrals")
    through = (lengths > 0.01 * lengths.max(initial=0.0)) & (p > 0)
    if through.sum() < 10 * degree:
        raise InputError("too few rays go through the water", expected=f"{10 * degree} or more", got=int(through.sum()))
    p, lengths = p[through], lengths[through]
    if water is None:
        design = lengths[:, None] ** np.arange(1, 4)
        water = float(np.linalg.lstsq(design, p, rcond=None)[0][0])
    return _fitted(p, lengths, water, degree)


def _fitted(measured: HostArray, lengths: HostArray, water: float, degree: int) -> WaterPolynomial:
    """The least squares of q(p) / L, so that thin and thick water count alike."""
    if not 1 <= degree <= 8:
        raise InputError("the degree of the polynomial is out of range", expected="1 to 8", got=degree)
    largest = float(measured.max())
    powers = (measured[:, None] / largest) ** np.arange(1, degree + 1)
    weight = 1 / (lengths + 0.02 * lengths.max())
    scaled = np.linalg.lstsq(powers * weight[:, None], water * lengths * weight, rcond=None)[0]
    coefficients = scaled / largest ** np.arange(1, degree + 1)
    return WaterPolynomial(tuple(float(a) for a in coefficients.round(12)), largest, water)
