"""From sparse to dense: where every pixel of one image lies in another, looked for around where its matches say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.matching.local_match import LocalMatch
from scanmill.arrays import HostArray
from scanmill.errors import InputError

EPSILON = 1e-6
"""A block whose variance is under this part of the image's shows nothing."""


@dataclass(frozen=True, eq=False)
class DenseMatch:
    """``places`` (y, x, 2): where each pixel of the first image lies in the second, (x, y); ``ncc`` (y, x), −1 to 1.

    Where a block shows nothing, or looks outside of the second image, ``ncc`` is 0 and the place is the guide's.
    """

    places: HostArray
    ncc: HostArray


def dense_match(
    first: HostArray, second: HostArray, found: LocalMatch, *, block: int = 9, reach: int = 4, spread: float = 24.0
) -> DenseMatch:
    """Block matching by normalised cross-correlation in a window of ± ``reach`` pixels around a guide.

    The guide is the consensus' movement plus what its inliers are off by, spread out with a Gaussian of ``spread``
    pixels: matches propagate to what is around them. The second image is brought into the first's frame by it, and
    each shift's correlation of ``block`` × ``block`` pixels is compared, the smallest shift first. InputError without a
    consensus: a guide is what makes this cheap and safe.
    """
    from scipy.ndimage import map_coordinates

    if found.consensus is None or block < 3 or reach < 0 or not spread > 0:
        raise InputError("dense matching needs a consensus to follow", got=f"{len(found.matches)} matches")
    ny, nx = first.shape
    y, x = np.indices((ny, nx))
    guide = _guide(found, np.stack([x.ravel(), y.ravel()], axis=1), spread).reshape(ny, nx, 2)
    where = [guide[..., 1], guide[..., 0]]
    there = map_coordinates(second.astype(np.float64), where, order=1, mode="nearest")
    inside = np.all([(w >= 0) & (w <= n - 1) for w, n in zip(where, second.shape, strict=True)], axis=0)
    shift, ncc = _best_shifts(first.astype(np.float64), there, inside, block, reach)
    rows, columns = (np.clip(p + shift[..., n], 0, size - 1) for n, (p, size) in enumerate(((y, ny), (x, nx))))
    return DenseMatch(guide[rows, columns], ncc)


def _best_shifts(
    first: HostArray, there: HostArray, inside: HostArray, block: int, reach: int
) -> tuple[HostArray, HostArray]:
    """The shift (y, x, 2) of every pixel with the greatest correlation, and that (0: none could be told)."""
    from scipy.ndimage import uniform_filter

    def mean(values: HostArray) -> HostArray:
        return np.asarray(uniform_filter(values, block, mode="nearest"))

    a, b = first - first.mean(), there - there.mean()
    mean_a, mean_b = mean(a), mean(b)
    spread_a, spread_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    least = EPSILON**2 * a.var() * b.var()
    best, chosen = np.full(a.shape, -np.inf), np.zeros((*a.shape, 2), np.int64)
    for v, u in _shifts(reach):
        covariance = mean(a * _moved(b, v, u)) - mean_a * _moved(mean_b, v, u)
        power = spread_a * _moved(spread_b, v, u)
        seen = (power > least) & _moved(inside, v, u)
        ncc = np.where(seen, covariance / np.sqrt(np.where(seen, power, 1.0)), -np.inf)
        better = ncc > best + EPSILON
        best[better], chosen[better] = ncc[better], (v, u)
    return chosen, np.where(np.isfinite(best), np.clip(best, -1, 1), 0.0)


def _shifts(reach: int) -> list[tuple[int, int]]:
    """All (y, x) of the window, the smallest first."""
    window = [(v, u) for v in range(-reach, reach + 1) for u in range(-reach, reach + 1)]
    return sorted(window, key=lambda shift: (shift[0] ** 2 + shift[1] ** 2, shift))


def _guide(found: LocalMatch, points: HostArray, spread: float) -> HostArray:
    """Where points (n, 2) of the first image are expected in the second."""
    assert found.consensus is not None
    a, b = found.inliers
    off = b - found.consensus.map(a)
    total, weighted = np.ones(len(points)), np.zeros(points.shape)
    for place, residual in zip(a, off, strict=True):
        weight = np.exp(-((points - place) ** 2).sum(axis=1) / (2 * spread**2))
        total += weight
        weighted += weight[:, None] * residual
    return np.asarray(found.consensus.map(points) + weighted / total[:, None])


def _moved(image: HostArray, v: int, u: int) -> HostArray:
    """The image's pixel at (y + v, x + u) for every (y, x); beyond the rim the rim's (False where it is a mask)."""
    ny, nx = image.shape
    pad = ((max(0, -v), max(0, v)), (max(0, -u), max(0, u)))
    padded = np.pad(image, pad) if image.dtype.kind == "b" else np.pad(image, pad, mode="edge")
    return padded[max(0, v) :, max(0, u) :][:ny, :nx]
