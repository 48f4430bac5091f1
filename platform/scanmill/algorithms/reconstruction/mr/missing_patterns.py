"""Missing samples of k-space, sorted by which of their neighbours were measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray


@dataclass(frozen=True, eq=False)
class MissingPattern:
    """Missing points, indices (point, axis), whose measured neighbours lie at the same ``offsets`` (place, axis)."""

    offsets: HostArray
    points: HostArray


def missing_patterns(sampling_mask: HostArray, kernel_shape: tuple[int, ...]) -> list[MissingPattern]:
    """Every pattern of measured neighbours within a kernel that occurs around a missing point of the mask.

    Nothing is measured beyond the edges of k-space. Points without any measured neighbour are in none.

    >>> [(p.offsets.tolist(), p.points.tolist()) for p in missing_patterns(np.array([1, 0, 1, 0], bool), (3,))]
    [([[-1]], [[3]]), ([[-1], [1]], [[1]])]
    """
    half = np.array(kernel_shape) // 2
    padded = np.pad(sampling_mask, [(h, h) for h in half])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel_shape)
    points, around = np.argwhere(~sampling_mask), windows[~sampling_mask].reshape(-1, int(np.prod(kernel_shape)))
    if len(points) == 0:
        return []
    _, first, which = np.unique(np.packbits(around, axis=1), axis=0, return_index=True, return_inverse=True)
    sorted_points = points[np.argsort(which.ravel(), kind="stable")]
    ends = np.cumsum(np.bincount(which.ravel()))[:-1]
    patterns = []
    for example, members in zip(first, np.split(sorted_points, ends), strict=True):
        offsets = np.argwhere(around[example].reshape(kernel_shape)) - half
        if len(offsets):
            patterns.append(MissingPattern(offsets, members))
    return patterns
