"""The corrections of `ct.prepare` in the order in which the physics has them, each with its numbers and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from scanmill.algorithms import preparation
from scanmill.algorithms.preparation import correction
from scanmill.arrays import Array, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.steps.ct_prepare_params import BeamHardeningParams, PrepareParams, ScatterParams
from scanmill.steps.expected import require_finite

MANY_BAD = 0.05
MANY_STARVED = 0.01
MANY_CUT = 0.05
"""Shares of the pixels, or of the lines on both sides, from which on the row is warned."""


@dataclass
class Notes:
    """What the corrections found."""

    metrics: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def corrected(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
    """Line integrals, or transmissions where no logarithm is wanted.

    Order: dark and flat field, bad pixels, scatter, starved pixels, logarithm, beam hardening, rings, truncation.
    Line integrals are turned back into transmissions where a correction of these is wanted.
    """
    if scan.quantity == "emission":
        raise InputError("emitted counts have no transmission to prepare", where="scan", do="leave ct.prepare out")
    require_finite(scan, "scan")
    wants_transmission = not params.logarithm or params.scatter or params.starvation
    if scan.quantity != "line_integral" or wants_transmission:
        scan = _attenuation(_of_transmission(_transmission(scan), params, notes), params, notes)
    elif params.bad_pixels:
        scan = replace(scan, array=_without_bad_pixels(scan.array, scan.array, notes))
    if params.water_attenuation is not None:
        scan = replace(scan, water_attenuation=params.water_attenuation)
    return _of_line_integrals(scan, params, notes) if params.logarithm else scan


def _transmission(scan: Projections) -> Projections:
    """Of counts: over the flat field, or over the photons where there is none."""
    xp = xp_of(scan.array)
    if scan.quantity == "line_integral":
        array = xp.exp(-scan.array)
    elif scan.quantity == "transmission":
        array = scan.array
    else:
        array = _over_open_beam(scan)
    return replace(scan, array=array, quantity="transmission", dark=None, flat=None)


def _over_open_beam(scan: Projections) -> Array:
    xp = xp_of(scan.array)
    fields = {name: xp.asarray(f) for name, f in (("dark", scan.dark), ("flat", scan.flat)) if f is not None}
    shape = scan.array.shape[1:]
    dark = fields.get("dark", xp.zeros(shape, dtype=xp.float32))
    if "flat" in fields:
        return preparation.transmission(scan.array, dark, fields["flat"])
    if scan.photons is None:
        raise InputError("counts need a flat field", where="scan", do="name `flat` or `photons` in the data card")
    photons = xp.asarray(scan.photons, dtype=xp.float32)
    if not bool((photons > 0).all()):
        raise InputError("incident photons must be positive everywhere", where="scan", got=float(photons.min()))
    return (scan.array.astype(xp.float32) - dark) / photons


def _of_transmission(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
    array = scan.array
    if params.bad_pixels:
        # judged by its logarithm, in which a dead pixel behind the object differs as much as one beside it
        array = _without_bad_pixels(array, preparation.line_integrals(array).array, notes)
    if params.scatter:
        array, share = correction.remove_scatter(array, _kernel(params.scatter), _pixel_mm(scan))
        notes.metrics["scatter_share"] = share
    if params.starvation:
        if scan.photons is None:
            raise InputError("starved pixels are known by their photons", where="scan", do="name `photons` in the card")
        array, smoothed, zero = correction.smooth_starved(array, scan.photons, threshold=params.starvation)
        notes.metrics |= {"smoothed_share": smoothed, "zero_share": zero}
    return replace(scan, array=array)


def _attenuation(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
    """The logarithm, if it is wanted; starved pixels are counted anyhow."""
    xp = xp_of(scan.array)
    known = preparation.PHOTON_FLOOR if scan.photons is None else 0.5 / xp.asarray(scan.photons)
    floor = xp.minimum(known if params.floor is None else params.floor, 0.5)
    integrals = preparation.line_integrals(scan.array, floor=floor)
    share = integrals.n_floored / scan.array.size
    notes.metrics["floored_share"] = share
    if share > MANY_STARVED:
        notes.warnings.append(f"{share:.1%} of the pixels lie below the photon floor: expect streaks")
    return replace(scan, array=integrals.array, quantity="line_integral") if params.logarithm else scan


def _of_line_integrals(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
    if params.beam_hardening:
        straighten = _polynomial(params.beam_hardening)
        water = params.water_attenuation or straighten.water
        scan = replace(scan, array=straighten(scan.array), water_attenuation=water)
    if params.rings:
        scan = replace(scan, array=correction.remove_rings(scan.array, size=params.rings, method=params.ring_method))
    cut = correction.truncated_share(scan)
    if params.truncation:
        scan = correction.extend_truncated(scan, water=scan.water_attenuation or WATER, share=params.truncation)
        notes.metrics["truncated_share"] = max(cut)
    elif min(cut) > MANY_CUT:
        notes.metrics["truncated_share"] = max(cut)
        notes.warnings.append(f"{max(cut):.0%} of the lines end inside the object: bright rim; see `truncation`")
    return scan


WATER = 0.02
"""Attenuation of water in 1/mm for continuing the object, where the scan does not know its own."""


def _without_bad_pixels(array: Array, judged_by: Array, notes: Notes) -> Array:
    bad = correction.find_bad_pixels(judged_by)
    share = float(bad.mean())
    notes.metrics["bad_pixels"] = float(bad.sum())
    if share > MANY_BAD:
        notes.warnings.append(f"{share:.1%} of the detector's pixels are bad and were filled")
    return correction.fill_bad_pixels(array, bad)


def _kernel(params: ScatterParams) -> correction.ScatterKernel:
    return correction.ScatterKernel(**params.model_dump())


def _polynomial(params: BeamHardeningParams) -> correction.WaterPolynomial:
    if params.kvp is None:
        return correction.WaterPolynomial(params.coefficients or (), params.largest, params.water or 0.0)
    from scanmill.phantoms import Spectrum

    tube = Spectrum.tube(params.kvp, aluminium_mm=params.aluminium_mm)
    return correction.water_polynomial(tube.weights, tube.attenuation("water"))


def _pixel_mm(scan: Projections) -> tuple[float, float]:
    geometry = scan.geometry
    return float(np.mean(geometry.row_spacing)), float(np.mean(geometry.column_spacing))
