"""Pixels of the detector that cannot be believed: found, and filled from their neighbours."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, HostArray, ndimage_of, to_host, xp_of
from scanmill.errors import InputError

MAX_ROUNDS = 10
"""The worst are filled and the rest looked at again, so often at most."""
MAX_VIEWS = 64
"""So many views, evenly taken, say enough about a pixel."""
REACH = 9
"""Neighbours in the row and in the column that a fault is compared with."""
LEAST_LOG = 0.1
"""Flicker that differs by less than this factor (and the threshold) is chance."""
LEAST_SCALE = 1e-4
"""Deviations below this share of the mean signal are never faults, however even the detector is."""


def find_bad_pixels(frames: Array, *, threshold: float = 6.0) -> HostArray:
    """The pixels, (row, column) bool, that differ from their neighbours in all views, or flicker: dead, hot, noisy.

    Each view of ``frames`` (view, row, column; transmissions or line integrals) less its median over 5 columns (and 3
    rows) leaves noise, edges and faults; the mean and the logarithm of the standard deviation over the views of what
    is left are looked at over the detector. Bad is what lies more than ``threshold`` times further from the median of
    all pixels than its neighbours in row and column do in the median, or than all pixels do: an edge of the object
    that stands still is a line, a fault is alone. The worst of each neighbourhood are filled and the rest looked at
    again, until none is left. Values that are not finite are always bad.
    """
    if not threshold > 0:
        raise InputError("the threshold counts deviations", expected="above 0", got=threshold)
    chosen = np.unique(np.linspace(0, len(frames) - 1, MAX_VIEWS).round().astype(int))
    taken = frames[chosen]
    xp = xp_of(taken)
    broken = ~xp.isfinite(taken)
    bad = to_host(broken.any(axis=0))
    taken = xp.where(broken, 0, taken).astype(xp.float64)
    for _ in range(MAX_ROUNDS):
        if bad.all():
            break
        score = _deviation(fill_bad_pixels(taken, bad))
        worst = ndimage_of(score).maximum_filter(score, size=(3, 5)) == score
        found = to_host((score > threshold) & worst) & ~bad
        if not found.any():
            break
        bad |= found
    return bad


def _deviation(frames: Array) -> Array:
    """How far each pixel (row, column) lies off, in units of what is usual around it and everywhere."""
    xp = xp_of(frames)
    window = (1, _odd(frames.shape[1], 3), _odd(frames.shape[2], 5))
    rest = frames - ndimage_of(frames).median_filter(frames, size=window, mode="mirror")
    scale = LEAST_SCALE * float(xp.abs(frames).mean()) + np.finfo(np.float64).tiny
    return xp.maximum(_alone(rest.mean(axis=0), scale), _alone(xp.log(rest.std(axis=0) + scale), LEAST_LOG))


def _alone(statistic: Array, least: float) -> Array:
    """The distance from the median, over that of the nearest in row and column and that of all pixels."""
    xp, median = xp_of(statistic), ndimage_of(statistic).median_filter
    away = xp.abs(statistic - xp.median(statistic))
    rows, columns = (_odd(n, REACH) for n in statistic.shape)
    around = median(away, size=(1, columns), mode="mirror")
    if rows > 1:
        around = xp.maximum(around, median(away, size=(rows, 1), mode="mirror"))
    return away / xp.maximum(around, max(1.4826 * float(xp.median(away)), least))


def _odd(n: int, most: int) -> int:
    """The largest odd number up to both: a wider window would count a pixel twice in its own mirror image."""
    return min(n - 1 + n % 2, most)


def fill_bad_pixels(frames: Array, bad: Array) -> Array:
    """``frames`` (view, row, column) with the ``bad`` pixels (row, column) filled from the live ones around them.

    The nearest live pixel on each of four sides counts by the inverse of its distance, which within a row alone is
    linear interpolation; a pixel with none takes the nearest anywhere. Raises InputError where no pixel is live.

    >>> frames = np.array([[[1.0, 0.0, 0.0, 4.0]]])
    >>> fill_bad_pixels(frames, np.array([[False, True, True, False]]))
    array([[[1., 2., 3., 4.]]])
    """
    gone = to_host(bad).astype(bool)
    if gone.shape != tuple(frames.shape[1:]):
        raise InputError("the mask does not fit the detector", expected=tuple(frames.shape[1:]), got=gone.shape)
    if gone.all():
        raise InputError("every pixel of the detector is bad", got=gone.shape, do="look at the dark and flat fields")
    filled = frames.copy()
    if not gone.any():
        return filled
    xp = xp_of(frames)
    rows, columns, shares = (xp.asarray(a) for a in _neighbours(gone))
    around = (frames[:, rows[side], columns[side]] * shares[side].astype(frames.dtype) for side in range(len(rows)))
    filled[:, xp.asarray(gone)] = sum(around)
    return filled


def _neighbours(gone: HostArray) -> tuple[HostArray, HostArray, HostArray]:
    """Rows, columns and shares of the four nearest live pixels and the nearest anywhere, each (5, n_bad)."""
    rows, columns = gone.nonzero()
    left, right = (side[rows, columns] for side in _nearest_live(gone))
    up, down = (side[columns, rows] for side in _nearest_live(gone.T))
    nearest = ndimage_of(gone).distance_transform_edt(gone, return_distances=False, return_indices=True)
    r = np.stack([rows, rows, up, down, nearest[0][gone]])
    c = np.stack([left, right, columns, columns, nearest[1][gone]])
    far = (r < 0) | (c < 0)
    shares = np.where(far, 0.0, 1 / np.maximum(np.abs(r - rows) + np.abs(c - columns), 1))
    shares[4] = np.where(far[:4].all(axis=0), 1.0, 0.0)
    return np.maximum(r, 0), np.maximum(c, 0), shares / shares.sum(axis=0)


def _nearest_live(gone: HostArray) -> tuple[HostArray, HostArray]:
    """The last live column at or before each place, and the first at or after it; −1 where there is none."""
    n = gone.shape[1]
    column = np.arange(n)
    before = np.maximum.accumulate(np.where(gone, -1, column), axis=1)
    after = np.maximum.accumulate(np.where(gone, -1, n - 1 - column)[:, ::-1], axis=1)[:, ::-1]
    return before, np.where(after < 0, -1, n - 1 - after)
