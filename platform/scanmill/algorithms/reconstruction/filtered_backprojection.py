"""The second half of filtered backprojection, the same for parallel, fan and cone beams: sum the shadows."""

from __future__ import annotations

from collections.abc import Iterable

from scanmill.arrays import Array, device_of
from scanmill.data import Volume
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.backprojection import BackprojectionOp


def filtered_backprojection(parts: Iterable[tuple[Array, ScanGeometry]], grid: VolumeGeometry) -> Volume:
    """The image in 1/mm of filtered projections that come some views at a time, each with its scan."""
    image = None
    for filtered, scan in parts:
        part = BackprojectionOp(grid, scan, dtype=filtered.dtype, device=device_of(filtered))(filtered)
        if image is None:
            image = part
        else:
            image += part
        del filtered, part  # before the next ones come
    return Volume(image, grid, "1/mm")
