"""How much each line integral is worth, from the photons that arrived."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.poisson import rays_of
from scanmill.arrays import Array, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError


def photon_weights(projections: Projections) -> Array:
    """w = N₀ exp(-p): the expected number of photons of each pixel, the inverse of its line integral's variance.

    Bouman & Sauer, IEEE Trans. Image Process. 5 (1996) 480. N₀ are ``projections.photons``, of the array's shape
    (view, row, column) or one number; electronic noise is left out. Pixels that no photon was sent to weigh nothing.
    Raises InputError for another quantity than line integrals, where the photons are not known, and where no pixel
    expects one.

    >>> import numpy as np
    >>> from scanmill.geometry import ScanGeometry
    >>> scan = ScanGeometry.parallel([0.0], n_columns=2, column_spacing=1.0)
    >>> photon_weights(Projections(np.log([[[1.0, 10.0]]]), scan, photons=1000)).round(6).tolist()
    [[[1000.0, 100.0]]]
    """
    y = projections.array
    if projections.quantity != "line_integral":
        raise InputError("photon weights belong to line integrals", expected="line_integral", got=projections.quantity)
    if projections.photons is None:
        raise InputError("photon statistics are missing", where="photons", do="give photons, the number sent per pixel")
    weights = xp_of(y).exp(-y)
    weights *= rays_of(projections.photons, y, "photons")
    if not float(weights.max()) >= 1:
        raise InputError("zero photon statistics", where="photons", expected="a pixel with a photon", got=0)
    return weights


def starved_share(weights: Array) -> float:
    """The share of the pixels that expect less than one photon.

    >>> import numpy as np
    >>> starved_share(np.array([0.2, 5.0]))
    0.5
    """
    return float((weights < 1).mean())
