"""Counts with and without the object, from whatever a scan has of them."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError


def blank_counts(scan: Projections) -> tuple[Array, Array]:
    """Counts (view, row, column) and those of the blank scan, which broadcast to them, in float32 and dark-free.

    From counts: less the dark field, and the flat field (else the photons). From transmissions: times the photons,
    where they are known; else times one, for a factor that all pixels share does not move the maximum likelihood.
    Raises InputError where the blank scan is missing or has nothing, or for another quantity.
    """
    xp = xp_of(scan.array)
    photons = _photons(scan)
    if scan.quantity == "transmission":
        blank = xp.ones((1, 1, 1), dtype=np.float32) if photons is None else photons
        return xp.maximum(scan.array, 0).astype(np.float32) * blank, blank
    if scan.quantity != "counts":
        raise InputError("counts or transmissions are wanted", where="scan", got=scan.quantity)
    dark = xp.float32(0) if scan.dark is None else xp.asarray(scan.dark, dtype=np.float32)
    blank = photons if scan.flat is None else xp.asarray(scan.flat, dtype=np.float32)[None] - dark
    if blank is None:
        raise InputError("counts need a blank scan", where="scan", do="name `flat` or `photons` in the data card")
    if not float(blank.max()) > 0:
        raise InputError("the blank scan has no photons", where="flat", expected="more than the dark field")
    return xp.maximum(scan.array.astype(np.float32) - dark, 0), xp.maximum(blank, 0)


def _photons(scan: Projections) -> Array | None:
    if scan.photons is None:
        return None
    photons = xp_of(scan.array).asarray(scan.photons, dtype=np.float32)
    return photons if photons.ndim else photons.reshape(1, 1, 1)
