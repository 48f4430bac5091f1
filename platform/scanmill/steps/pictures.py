"""Small grey pictures of values for montages and reports: fixed window, fixed size, uint8."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, HostArray, to_host
from scanmill.data import ColourVolume, Frames, KSpace, Labels, Projections, Volume

MAX_SIDE = 512
MAX_FRAMES = 8
DECADES = 4
"""Of magnitude, from black to white in a picture of k-space."""
MIN_SLICES = 8
"""Fewer slices than this are not shown from the side."""
Window = tuple[float, float]


def window_of(array: Array, percentiles: Window = (0.5, 99.5)) -> Window:
    """The grey window between two percentiles of at most a million evenly taken values.

    >>> window_of(np.arange(101.0), (10, 90))
    (10.0, 90.0)
    """
    flat = array.reshape(-1)
    low, high = np.percentile(to_host(flat[:: max(1, flat.size // 1_000_000)]), percentiles)
    return float(low), float(high if high > low else low + 1.0)


def grey(image: HostArray, window: Window) -> HostArray:
    """``image`` as uint8, ``window`` from black to white, no side longer than `MAX_SIDE` (by leaving pixels out).

    >>> grey(np.array([[-1.0, 0.0, 0.5, 2.0]]), (0.0, 1.0)).tolist()
    [[0, 0, 128, 255]]
    """
    step = -(-max(image.shape) // MAX_SIDE)
    low, high = window
    share = np.clip((np.asarray(image[::step, ::step], dtype=np.float64) - low) / (high - low), 0, 1)
    return np.rint(share * 255).astype(np.uint8)


def central_slices(volume: Volume | Labels, window: Window | None = None) -> HostArray:
    """The middle slice (z), and beside it those through the middle of y and x where there are slices enough.

    Rows grow downwards as they stand in the array, except that z grows upwards (head up)."""
    array = magnitude(volume.array)
    shown = window or (window_of(array) if isinstance(volume, Volume) else (0.0, float(max(1, array.max()))))
    nz, ny, nx = array.shape
    views = [to_host(array[nz // 2])]
    if nz >= MIN_SLICES:
        views += [to_host(array[::-1, ny // 2]), to_host(array[::-1, :, nx // 2])]
    return side_by_side([grey(view, shown) for view in views])


def colour_slices(image: ColourVolume) -> HostArray:
    """The same views of an image in colours: (rows, columns, 3)."""
    array = to_host(image.array)
    nz, ny, nx, _ = array.shape
    step = -(-max(nz, ny, nx) // MAX_SIDE)
    views = [array[nz // 2]]
    if nz >= MIN_SLICES:
        views += [array[::-1, ny // 2], array[::-1, :, nx // 2]]
    return side_by_side([view[::step, ::step] for view in views])


def middle_slices(frames: Frames, window: Window | None = None) -> HostArray:
    """The middle slice (z) of up to `MAX_FRAMES` frames, evenly taken, all in one window."""
    n_frames, nz = frames.array.shape[:2]
    chosen = np.unique(np.linspace(0, n_frames - 1, min(n_frames, MAX_FRAMES)).round().astype(int))
    array = magnitude(frames.array[chosen, nz // 2])
    shown = window or window_of(array)
    return side_by_side([grey(to_host(image), shown) for image in array])


def magnitude(array: Array) -> Array:
    """The magnitude of complex numbers, and real ones as they are."""
    return abs(array) if array.dtype.kind == "c" else array


def sinogram(scan: Projections) -> HostArray:
    """The middle row of the detector, views downwards."""
    image = to_host(scan.array[:, scan.geometry.n_rows // 2])
    return grey(image, window_of(image))


def kspace(scan: KSpace) -> HostArray:
    """Of the middle slice of the first frame the logarithm of all coils' energy: ky downwards, or shots; `DECADES` from
    black to white."""
    samples = scan.array[0, scan.n_slices // 2]
    energy = to_host((abs(samples) ** 2).sum(axis=0)).reshape(-1, *samples.shape[-2:])
    level = np.log10(np.maximum(energy[len(energy) // 2], 1e-300))
    return grey(level, (float(level.max()) - 2 * DECADES, float(level.max())))


def difference(image: Volume, reference: Array) -> HostArray:
    """Middle slice of ``image - reference``: mid grey is equal, black and white the reference's 1 % to 99 % range."""
    nz = image.array.shape[0]
    low, high = window_of(reference, (1, 99))
    apart = to_host(image.array[nz // 2]).astype(np.float64) - to_host(reference[nz // 2])
    return grey(apart, (-(high - low) / 2, (high - low) / 2))


def side_by_side(pictures: list[HostArray]) -> HostArray:
    """Pictures in a row on black, tops aligned, two pixels apart."""
    height = max(len(picture) for picture in pictures)
    columns = []
    for picture in pictures:
        margin = [(0, height - len(picture)), (0, 2), (0, 0)][: picture.ndim]
        columns += [np.pad(picture, margin)]
    return np.hstack(columns)[:, :-2]
