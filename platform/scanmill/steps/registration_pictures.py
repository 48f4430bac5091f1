"""What a registration looks like: checkerboards and overlays of the fixed and the moving image, before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data import Volume
from scanmill.geometry import VolumeGeometry
from scanmill.steps.pictures import MAX_SIDE, MIN_SLICES, side_by_side, window_of

if TYPE_CHECKING:
    from scanmill.data.transforms import Transform

FIELDS = 6
"""Of the checkerboard, along the longer side of a view."""


def before_and_after(
    fixed: Volume, moving: Volume, before: Transform | None, after: Transform | None, prefix: str
) -> dict[str, HostArray]:
    """Two RGB pictures, `<prefix>_checkerboard` and `<prefix>_overlay`: above as it was, below as it is now.

    Only the planes that are shown are resampled. In the overlay the moving image lies in colours over the grey fixed
    one."""
    from scanmill.algorithms.rendering import checkerboard, overlay

    windows = window_of(fixed.array), window_of(moving.array)
    pairs = [list(_views(fixed, moving, transform)) for transform in (before, after)]
    boards = [
        [
            to_host(checkerboard(a, b, field=max(1, max(a.shape) // FIELDS), first_window=windows[0],
                                 second_window=windows[1]))
            for a, b in views
        ]
        for views in pairs
    ]  # fmt: skip
    overlays = [
        [to_host(overlay(a, b, base_window=windows[0], top_window=windows[1])) for a, b in views] for views in pairs
    ]
    return {f"{prefix}_checkerboard": _stacked(boards), f"{prefix}_overlay": _stacked(overlays)}


def _views(fixed: Volume, moving: Volume, transform: Transform | None) -> Iterator[tuple[HostArray, HostArray]]:
    """The middle planes across z, y and x of both images, head up, no side longer than `MAX_SIDE`."""
    from scanmill.algorithms.registration.resample import resample

    step = -(-max(fixed.geometry.shape) // MAX_SIDE)
    for axis, plane in _planes(fixed.geometry):
        crop = fixed.geometry.crop(*plane)
        moved = resample(moving, crop, transform, outside=float(moving.array.min()))
        views = [np.squeeze(to_host(one), axis=axis) for one in (fixed.array[plane], moved.array)]
        flip = slice(None, None, step if axis == 0 else -step)
        a, b = (view[flip, ::step] for view in views)
        yield a, b


def _planes(grid: VolumeGeometry) -> Iterator[tuple[int, tuple[slice, slice, slice]]]:
    whole = [slice(0, n) for n in grid.shape]
    for axis in range(3 if grid.shape[0] >= MIN_SLICES else 1):
        middle = grid.shape[axis] // 2
        cut = slice(middle, middle + 1)
        yield axis, tuple(cut if a == axis else one for a, one in enumerate(whole))  # type: ignore[misc]


def _stacked(rows: list[list[HostArray]]) -> HostArray:
    above, below = (side_by_side(row) for row in rows)
    return np.vstack([above, np.zeros((2, *above.shape[1:]), np.uint8), below])
