"""The corrections of `ct.prepare` in the order in which the physics has them, each with its numbers and warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from scanmill.algorithms import preparation
from scanmill.algorithms.preparation import correction
from scanmill.algorithms.preparation.correction.bad_pixels import MAX_VIEWS
from scanmill.arrays import HostArray, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.steps.ct_of_views import Notes, of_views, transmission_of, wants_transmission
from scanmill.steps.ct_prepare_params import PrepareParams
from scanmill.steps.expected import require_finite

CHUNK_BYTES = 2**26
"""Of views in float32; the scatter estimate holds fourteen times that."""
MANY_BAD = 0.05
MANY_STARVED = 0.01
MANY_CUT = 0.05
"""Shares of the pixels, or of the lines on both sides, from which on the row is warned."""
WATER = 0.02
"""Attenuation of water in 1/mm for continuing the object, where the scan does not know its own."""


def corrected(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
    """Line integrals, or transmissions where no logarithm is wanted.

    Order: dark and flat field, bad pixels, scatter, starved pixels, logarithm, beam hardening, rings, truncation.
    Line integrals are turned back into transmissions where a correction of these is wanted. Up to the rings no view
    needs another, and only ``CHUNK_BYTES`` of them are worked on at a time.
    """
    if scan.quantity == "emission":
        raise InputError("emitted counts have no transmission to prepare", where="scan", do="leave ct.prepare out")
    require_finite(scan, "scan")
    scan = _view_by_view(scan, params, notes)
    if params.water_attenuation is not None:
        scan = replace(scan, water_attenuation=params.water_attenuation)
    return _of_line_integrals(scan, params, notes) if params.logarithm else scan


def _view_by_view(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
    corrections = params.beam_hardening or params.bad_pixels or wants_transmission(params)
    if scan.quantity == "line_integral" and not corrections:
        return scan
    bad = _bad_pixels(scan, notes) if params.bad_pixels else None
    part, array = scan, None
    for views in _chunks(scan):
        seen = Notes()
        part = of_views(scan.views(views), params, bad, seen)
        array = xp_of(scan.array).empty(scan.array.shape, part.array.dtype) if array is None else array
        array[views] = part.array
        for name, share in seen.metrics.items():
            notes.metrics[name] = notes.metrics.get(name, 0.0) + share * len(part.array) / len(array)
    if notes.metrics["floored_share"] > MANY_STARVED:
        share = notes.metrics["floored_share"]
        notes.warnings.append(f"{share:.1%} of the pixels lie below the photon floor: expect streaks")
    return replace(part, array=array, geometry=scan.geometry, photons=scan.photons)


def _chunks(scan: Projections) -> Iterator[slice]:
    n_views, n_rows, n_columns = scan.array.shape
    step = max(1, CHUNK_BYTES // (4 * n_rows * n_columns))
    return (slice(start, min(start + step, n_views)) for start in range(0, n_views, step))


def _of_line_integrals(scan: Projections, params: PrepareParams, notes: Notes) -> Projections:
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


def _bad_pixels(scan: Projections, notes: Notes) -> HostArray:
    """Judged by a few views' line integrals: there a dead pixel behind the object differs as much as one beside it."""
    few = scan.views(np.unique(np.linspace(0, len(scan.array) - 1, MAX_VIEWS).round().astype(int)))
    if few.quantity != "line_integral":
        few = replace(few, array=preparation.line_integrals(transmission_of(few).array).array)
    bad = correction.find_bad_pixels(few.array)
    notes.metrics["bad_pixels"] = float(bad.sum())
    if bad.mean() > MANY_BAD:
        notes.warnings.append(f"{bad.mean():.1%} of the detector's pixels are bad and were filled")
    return bad
