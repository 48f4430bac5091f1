"""From transmission to attenuation along the ray."""

from __future__ import annotations

from typing import NamedTuple

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, xp_of
from scanmill.errors import InputError

PHOTON_FLOOR = 1e-4
"""The least transmission believed when nothing is known of the dose: a line integral of 9.2 (46 cm of water)."""


class LineIntegrals(NamedTuple):
    """``array`` of line integrals and how many pixels lay below the floor."""

    array: Array
    n_floored: int


def line_integrals(transmission: Array, *, floor: float | Array = PHOTON_FLOOR) -> LineIntegrals:
    """−log(max(transmission, floor)): Beer and Lambert's law, with a floor under starved pixels.

    Behind much bone a detector counts few photons or, after the dark field is taken off, less than none; the floor
    keeps those pixels finite instead of NaN, at the cost of a bias there. Half a photon, 0.5 / ``photons``, is a good
    floor where the dose is known; it may be an array that broadcasts to the transmission. ``n_floored`` tells how many
    pixels were touched; a large number means streaks.
    Raises InputError for NaN and for infinity.

    >>> import numpy as np
    >>> line_integrals(np.array([1.0, np.exp(-2.0), -0.003]), floor=1e-3)
    LineIntegrals(array=array([-0.        ,  2.        ,  6.90775528]), n_floored=1)
    """
    xp = xp_of(transmission)
    least = xp.asarray(floor, dtype=transmission.dtype)
    if not bool(((least > 0) & (least < 1)).all()):
        raise InputError("the floor is a transmission", expected="above 0 and below 1", got=float(least.min()))
    require_finite(transmission, "the transmission")
    starved = transmission < least
    return LineIntegrals(-xp.log(xp.where(starved, least, transmission)), int(starved.sum()))
