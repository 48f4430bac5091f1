"""A reconstruction in slabs of slices, for a device that is too small for the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from scanmill.data import Projections
from scanmill.geometry import ScanGeometry, VolumeGeometry

Slab = tuple[Projections, VolumeGeometry]


def slabs(scan: Projections, grid: VolumeGeometry, tile: float, *, iterative: bool) -> Iterator[Slab]:
    """The scan and grid of each slab of about ``tile`` of the slices; one slab, the whole, where they do not part.

    The slices of parallel and fan beams are independent of each other. Those of a cone are so for filtered
    backprojection only; then every slab takes the whole scan.
    """
    nz = grid.shape[0]
    stacked = scan.geometry.beam != "cone"
    if tile >= 1 or (iterative and not stacked):
        yield scan, grid
        return
    thickness = max(1, math.ceil(nz * tile))
    for start in range(0, nz, thickness):
        stop = min(start + thickness, nz)
        part = grid.crop(slice(start, stop), slice(None), slice(None))
        yield rows_of(scan, start, stop) if stacked else scan, part


def rows_of(scan: Projections, start: int, stop: int) -> Projections:
    """The projections of the detector rows ``start`` to ``stop`` (parallel or fan beam)."""
    geometry = scan.geometry
    offset = ((start + stop - 1) / 2 - (geometry.n_rows - 1) / 2) * geometry.row_step
    part = ScanGeometry(
        geometry.beam,
        geometry.source + offset,
        geometry.detector + offset,
        geometry.column_step,
        geometry.row_step,
        stop - start,
        geometry.n_columns,
    )
    fields = {n: f[start:stop] for n, f in (("dark", scan.dark), ("flat", scan.flat)) if f is not None}
    return replace(scan, array=scan.array[:, start:stop], geometry=part, **fields)
