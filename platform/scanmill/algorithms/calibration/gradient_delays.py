"""Gradient delays of a radial scan from the points where its spokes meet (RING)."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, HostArray, to_host
from scanmill.errors import InputError

FINENESS = 20
"""Points per sample on a spoke at which meetings are sought."""
LEAST_SINE = 0.5
"""Spokes that meet at a flatter angle than this are not compared."""
LEAST_PAIRS = 3
MAX_PAIRS = 3000
WORST_MEETING = 2.0
"""Pairs that differ by more than this many medians where they meet are dropped, like those at the rim of the search."""


def gradient_delays(samples: Array, points: HostArray, *, reach: float = 2.0) -> HostArray:
    """The symmetric matrix S (2, 2) in samples, for ``Trajectory.delayed``: spokes really lie at k + S dk/dsample.

    ``samples`` (coil, shot, sample) of one image, ``points`` (shot, sample, 2) where the spokes were meant to lie: any
    straight lines through the centre, at least three. Where two spokes cross, all coils measured the same, up to a
    phase that receivers and spins may have gained from spoke to spoke (without that freedom a measured head comes out
    wrong by a quarter of a sample). The places r, q on both that agree best, up to ``reach`` samples from the middle,
    say that r n + S n = q m + S m for their directions n and m, and all pairs together give S by least squares: S.
    Rosenzweig, H. C. M. Holme, M. Uecker, Magn. Reson. Med. 81 (2019) 1898, eqs. 4 to 6.
    Raises InputError for NaN, for a single coil (which leaves the places open), for what is no radial scan, and where
    the spokes do not agree anywhere.
    """
    require_finite(samples, "the spokes")
    if samples.ndim == 3 and len(samples) < 2:
        raise InputError("one coil does not tell where spokes meet", expected="2 coils or more", got=len(samples))
    samples = to_host(samples)
    directions, middles = _lines(np.asarray(points, dtype=np.float64), samples.shape)
    grid = np.arange(-round(reach * FINENESS), round(reach * FINENESS) + 1) / FINENESS
    near = _interpolated(samples, middles[:, None] + grid)
    meetings = []
    for i, j in _pairs(directions):
        a, b, difference = _meeting(near[i], near[j])
        if 0 < a < len(grid) - 1 and 0 < b < len(grid) - 1:
            meetings.append((i, j, grid[a], grid[b], difference))
    if len(meetings) < LEAST_PAIRS:
        raise InputError("the spokes do not meet near their middle", expected=f"{LEAST_PAIRS} pairs or more that do",
                         got=len(meetings), do="check the trajectory, or raise the reach")  # fmt: skip
    return _delays(directions, meetings)


def _lines(points: HostArray, shape: tuple[int, ...]) -> tuple[HostArray, HostArray]:
    """The direction of every spoke (shot, 2) and where on it its middle lies (shot), in samples."""
    if len(shape) != 3 or points.shape != (*shape[1:], 2) or shape[1] < 3 or shape[2] < 8:
        raise InputError("gradient delays need spokes", expected="(coil, shot, sample) and (shot, sample, 2), 3 spokes",
                         got=(shape, points.shape))  # fmt: skip
    steps = (points[:, -1] - points[:, 0]) / (shape[2] - 1)
    size = np.linalg.norm(steps, axis=1, keepdims=True)
    if not (size > 0).all():
        raise InputError("a spoke has no length", got=f"spoke {int(size.argmin())}")
    directions = steps / size
    middles = -(points[:, 0] * directions).sum(axis=1) / size[:, 0]
    straight = (points[:, :1] + np.arange(shape[2])[:, None] * steps[:, None]) - points
    across = points[:, 0] + middles[:, None] * steps
    if np.abs(straight).max() > 0.01 * size.max() or np.abs(across).max() > 0.5 * size.max():
        raise InputError("gradient delays need straight spokes through the centre", do="use a radial trajectory")
    return directions, middles


def _interpolated(samples: HostArray, places: HostArray) -> HostArray:
    """Trigonometric interpolation of spokes (coil, shot, sample) at ``places`` (shot, n): (shot, coil, n)."""
    profiles = np.fft.ifft(samples.astype(np.complex128), axis=-1).transpose(1, 0, 2)
    waves = np.exp(-2j * np.pi * np.fft.fftfreq(samples.shape[-1])[:, None] * places[:, None])
    return np.asarray(profiles @ waves)


def _pairs(directions: HostArray) -> list[tuple[int, int]]:
    """Pairs of spokes that cross steeply enough, evenly thinned where there are many."""
    sine = np.abs(np.outer(directions[:, 0], directions[:, 1]) - np.outer(directions[:, 1], directions[:, 0]))
    pairs = [(i, j) for i, j in combinations(range(len(directions)), 2) if sine[i, j] >= LEAST_SINE]
    return pairs[:: max(1, -(-len(pairs) // MAX_PAIRS))]


def _meeting(first: HostArray, second: HostArray) -> tuple[int, int, float]:
    """Where two spokes (coil, place) differ least, up to a phase, and by how much relative to their size."""
    energy = (np.abs(first) ** 2).sum(axis=0)[:, None] + (np.abs(second) ** 2).sum(axis=0)
    difference = (energy - 2 * np.abs(first.T @ second.conj())) / energy.mean()
    a, b = np.unravel_index(int(difference.argmin()), difference.shape)
    return int(a), int(b), float(difference[a, b])


def _delays(directions: HostArray, meetings: list[tuple[int, int, float, float, float]]) -> HostArray:
    """S of least squares from r n − q m = S (m − n), its unknowns Sxx, Sxy, Syy."""
    i, j = (np.array([meeting[k] for meeting in meetings]) for k in (0, 1))
    r, q, difference = (np.array([meeting[k] for meeting in meetings]) for k in (2, 3, 4))
    good = difference <= WORST_MEETING * np.median(difference)
    n, m = directions[i[good]], directions[j[good]]
    gap, known = m - n, r[good, None] * n - q[good, None] * m
    zero = np.zeros(len(gap))
    rows = np.stack([np.stack([gap[:, 0], gap[:, 1], zero], axis=1), np.stack([zero, gap[:, 0], gap[:, 1]], axis=1)])
    (xx, xy, yy), *_ = np.linalg.lstsq(rows.reshape(-1, 3), known.T.reshape(-1), rcond=None)
    return np.array([[xx, xy], [xy, yy]])
