"""A reconstruction in slabs of slices, for a device that is too small for the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from scanmill.data import Projections
from scanmill.geometry import VolumeGeometry

Slab = tuple[Projections, VolumeGeometry]


def slabs(scan: Projections, grid: VolumeGeometry, share: float) -> Iterator[Slab]:
    """The scan and grid of each slab of about ``share`` of the slices.

    A slice of a parallel or fan beam needs its own detector row only; every slab of a cone takes the whole scan.
    """
    nz = grid.shape[0]
    stacked = scan.geometry.beam != "cone"
    if share >= 1:
        yield scan, grid
        return
    thickness = max(1, math.ceil(nz * share))
    for start in range(0, nz, thickness):
        stop = min(start + thickness, nz)
        part = grid.crop(slice(start, stop), slice(None), slice(None))
        yield rows_of(scan, start, stop) if stacked else scan, part


def rows_of(scan: Projections, start: int, stop: int) -> Projections:
    """The projections of the detector rows ``start`` to ``stop`` (parallel or fan beam)."""
    from scanmill.operators.split_projection import rows_of as geometry_of_rows

    part = geometry_of_rows(scan.geometry, slice(start, stop))
    fields = {n: f[start:stop] for n, f in (("dark", scan.dark), ("flat", scan.flat)) if f is not None}
    photons = scan.photons
    if photons is not None and not isinstance(photons, float | int) and photons.shape[1] > 1:
        photons = photons[:, start:stop]
    return replace(scan, array=scan.array[:, start:stop], geometry=part, photons=photons, **fields)
