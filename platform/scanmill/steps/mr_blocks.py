"""K-space cut into the blocks that are solved at once: slices of one frame, or all frames of one slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scanmill.arrays import Array, HostArray
from scanmill.data import CoilSensitivities, KSpace


@dataclass(frozen=True, eq=False)
class Block:
    """Items along the first axis, each a slice or a frame: what solvers take.

    ``y`` is (batch, coil, z, y, x) with ``sampling_mask`` (batch or 1, z, y, x), or (batch, coil, shot, sample) with
    ``points`` (batch or 1, shot, sample, d) and their ``weights`` (batch or 1, shot, sample). ``coil_sensitivities``
    are (batch or 1, set, coil, z, y, x), ``calibration`` (batch or 1, coil, z, y, x). ``frames`` and ``slices`` say
    which items these are.
    """

    y: Array
    matrix: tuple[int, int, int]
    frames: slice
    slices: slice
    sampling_mask: Array | None = None
    points: HostArray | None = None
    weights: HostArray | None = None
    coil_sensitivities: Array | None = None
    calibration: Array | None = None

    @property
    def n_items(self) -> int:
        """How many slices or frames."""
        return int(self.y.shape[0])

    @property
    def n_coils(self) -> int:
        """How many receivers."""
        return int(self.y.shape[1])

    def masks(self) -> list[Array]:
        """The mask (z, y, x) of every item."""
        assert self.sampling_mask is not None
        return [self.sampling_mask[number % len(self.sampling_mask)] for number in range(self.n_items)]


def blocks(
    scan: KSpace,
    maps: CoilSensitivities | None,
    *,
    weights: HostArray | None = None,
    by_slice: bool = False,
    n_at_once: int = 1,
) -> Iterator[Block]:
    """Blocks of up to ``n_at_once`` slices of one frame; with ``by_slice`` of all frames of one slice.

    ``weights`` (frame or 1, slice or 1, shot, sample) are a density compensation.
    """
    if by_slice:
        for number in range(scan.n_slices):
            yield _block(scan, maps, weights, slice(0, scan.n_frames), slice(number, number + 1))
        return
    for frame in range(scan.n_frames):
        for start in range(0, scan.n_slices, n_at_once):
            stop = min(start + n_at_once, scan.n_slices)
            yield _block(scan, maps, weights, slice(frame, frame + 1), slice(start, stop))


def _block(
    scan: KSpace, maps: CoilSensitivities | None, weights: HostArray | None, frames: slice, slices: slice
) -> Block:
    y = _items(scan.array, frames, slices)
    mask = points = None
    if scan.trajectory is not None:
        points = _items(scan.trajectory.points, frames, slices)
    elif scan.sampling_mask is None:
        mask = (y != 0).any(axis=1)
    else:
        mask = _items(scan.sampling_mask, frames, slices)
    return Block(
        y,
        scan.matrix,
        frames,
        slices,
        sampling_mask=mask,
        points=points,
        weights=None if weights is None else _items(weights, frames, slices),
        coil_sensitivities=None if maps is None else maps.array[slices],
        calibration=None if scan.calibration is None else _items(scan.calibration, frames, slices),
    )


def _items(array: Array, frames: slice, slices: slice) -> Array:
    """(frame or 1, slice or 1, ...) to (batch or 1, ...), where one of the two has one item."""
    chosen = array[frames if array.shape[0] > 1 else slice(0, 1), slices if array.shape[1] > 1 else slice(0, 1)]
    return chosen.reshape(-1, *array.shape[2:])


def as_grid(images: Array, shape: tuple[int, int, int]) -> Array:
    """Images (frame, slice, z, y, x) as (frame, z, y, x) of a grid: either slices or z are more than one.

    >>> import numpy as np
    >>> as_grid(np.zeros((2, 5, 1, 4, 4)), (5, 4, 4)).shape
    (2, 5, 4, 4)
    """
    return images.reshape(images.shape[0], *shape)
