"""From what was measured to line integrals, view by view, and the corrections on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from scanmill.algorithms import preparation
from scanmill.algorithms.preparation import correction
from scanmill.arrays import Array, HostArray, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.steps.ct_prepare_params import BeamHardeningParams, PrepareParams, ScatterParams


@dataclass
class Notes:
    """What the corrections found."""

    metrics: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def of_views(scan: Projections, params: PrepareParams, bad: HostArray | None, notes: Notes) -> Projections:
    """Line integrals (or transmissions) of some views, the ``bad`` pixels (row, column) filled; ``notes`` get the
    shares that were found."""
    if scan.quantity != "line_integral" or wants_transmission(params):
        scan = _attenuation(_of_transmission(transmission_of(scan), params, bad, notes), params, notes)
    elif bad is not None:
        scan = replace(scan, array=correction.fill_bad_pixels(scan.array, bad))
    if params.beam_hardening:
        straighten = _polynomial(params.beam_hardening)
        scan = replace(scan, array=straighten(scan.array), water_attenuation=straighten.water)
    return scan


def wants_transmission(params: PrepareParams) -> bool:
    """Whether line integrals must be turned back."""
    return not params.logarithm or bool(params.scatter or params.starvation)


def transmission_of(scan: Projections) -> Projections:
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


def _of_transmission(scan: Projections, params: PrepareParams, bad: HostArray | None, notes: Notes) -> Projections:
    array = scan.array if bad is None else correction.fill_bad_pixels(scan.array, bad)
    if params.scatter:
        array, share = correction.remove_scatter(array, _kernel(params.scatter), _pixel_mm(scan))
        notes.metrics["scatter_share"] = share
    if params.starvation:
        if scan.photons is None:
            raise InputError("starved pixels are known by the photons, which this scan does not tell", where="scan",
                             do="name `photons` in the data card, or leave `starvation` out")  # fmt: skip
        array, smoothed, zero = correction.smooth_starved(array, scan.photons, threshold=params.starvation)
        notes.metrics |= {"smoothed_share": smoothed, "zero_share": zero}
    return replace(scan, array=array)


def _attenuation(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
    """The logarithm, if it is wanted; starved pixels are counted anyhow."""
    xp = xp_of(scan.array)
    known = preparation.PHOTON_FLOOR if scan.photons is None else 0.5 / xp.asarray(scan.photons)
    floor = xp.minimum(known if params.floor is None else params.floor, 0.5)
    integrals = preparation.line_integrals(scan.array, floor=floor)
    notes.metrics["floored_share"] = integrals.n_floored / scan.array.size
    return replace(scan, array=integrals.array, quantity="line_integral") if params.logarithm else scan


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
