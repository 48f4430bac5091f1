"""The axis of rotation from views that look at each other: one is the mirror image of the other about the axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import Array, HostArray, ndimage_of, xp_of
from scanmill.errors import InputError

EXACT_RAD = 1e-5
"""Two views this near to opposite need no correction for the angle between them."""
MAX_VIEWS, MAX_ROWS = 48, 16
"""How many views or pairs and detector rows are asked, evenly spread: more do not make the median better."""
ENOUGH = 8
"""So many answers at exactly half a turn are trusted without a line through the others."""
SMOOTHING_COLUMNS = 1.0
"""Gaussian sigma, so that noise does not lock the mirror image to whole or half columns."""

T = TypeVar("T")


class OppositeViews(NamedTuple):
    """The axis column, the robust standard deviation of the answers, and how many there are."""

    column: float
    spread: float
    n_answers: int


Pair = tuple[int, int, float]
"""Two views, and by how many rad the second misses the opposite of the first."""


def axis_from_opposite_views(sinogram: Array, angles: HostArray, *, tolerance_deg: float = 5.0) -> OppositeViews:
    """The axis column for parallel rays from views that are opposite, or nearly so.

    ``sinogram`` (view, row, column) of line integrals, ``angles`` in rad. In parallel rays p(θ + π, u) = p(θ, 2c − u),
    so registering a view with the mirror image of its opposite gives c. A pair that misses half a turn by δ answers
    c + kδ, where k depends on the object. Where exact opposites exist, or views on both sides of them, the answer is
    their median after interpolation to δ = 0; a bare half turn (0 to 179 degrees, or closed by one more view) has
    only its ends, and there a robust line through all pairs with |δ| up to ``tolerance_deg`` is read at δ = 0.
    Registration: normalised squared difference over all whole shifts, then Lucas and Kanade's iteration (IJCAI 1981)
    with cubic interpolation.
    Raises InputError where no two views are opposite within ``tolerance_deg``, or nothing can be registered.
    """
    require_finite(sinogram, "the sinogram")
    register = _Registration.of(sinogram)
    angles, tolerance = np.asarray(angles, dtype=np.float64), np.deg2rad(tolerance_deg)
    middle = (sinogram.shape[-1] - 1) / 2
    groups = _spread_out(_surrounded(angles, tolerance), MAX_VIEWS)
    if len(groups) >= ENOUGH:
        start = register.whole_shift([group[0] for group in groups])
        answers = np.array([_at_zero([(lag, register.shift(i, j, start)) for i, j, lag in group]) for group in groups])
        column = float(np.median(answers))
        residuals = answers - column
    else:
        pairs = _spread_out(_near_pairs(angles, tolerance), MAX_VIEWS)
        start = register.whole_shift([pairs[0]])
        shifts = np.array([register.shift(i, j, start) for i, j, _ in pairs])
        column, residuals = _robust_intercept(np.array([lag for _, _, lag in pairs]), shifts)
    spread = 1.4826 * float(np.median(np.abs(residuals)))
    return OppositeViews(middle + column / 2, spread / 2, len(residuals))


def _lags(angles: HostArray) -> HostArray:
    """By how much view j misses the opposite of view i, in [−π, π), (i, j)."""
    return (angles[None, :] - angles[:, None] + 2 * np.pi) % (2 * np.pi) - np.pi


def _surrounded(angles: HostArray, tolerance: float) -> list[list[Pair]]:
    """For each view that has them: its exact opposite, or the two nearest views on both sides of it."""
    groups: list[list[Pair]] = []
    for i, lags in enumerate(_lags(angles)):
        nearest = int(np.abs(lags).argmin())
        below = int(np.where(lags < 0, lags, -np.inf).argmax())
        above = int(np.where(lags > 0, lags, np.inf).argmin())
        if abs(lags[nearest]) <= EXACT_RAD:
            groups.append([(i, nearest, 0.0)])
        elif -tolerance <= lags[below] < 0 < lags[above] <= tolerance:
            groups.append([(i, below, float(lags[below])), (i, above, float(lags[above]))])
    return groups


def _near_pairs(angles: HostArray, tolerance: float) -> list[Pair]:
    """All pairs of views that are opposite within the tolerance, the nearest first; the first view of each stands on
    the same side, so that one sign of the lag means one thing."""
    lags = _lags(angles)
    pairs = [(int(i), int(j), float(lags[i, j])) for i, j in np.argwhere(np.abs(lags) <= tolerance) if i < j]
    if not pairs:
        raise InputError(
            "no two views look at each other",
            expected=f"angles half a turn apart within {np.rad2deg(tolerance):g} degrees",
            got=f"{len(angles)} views over {np.rad2deg(np.ptp(np.unwrap(angles))):.1f} degrees",
            do="give the axis column in the card, or search it with search_axis and a reconstruction",
        )
    pairs.sort(key=lambda pair: abs(pair[2]))
    side = angles[pairs[0][0]]
    return [(i, j, lag) if np.cos(angles[i] - side) >= 0 else (j, i, -lag) for i, j, lag in pairs]


def _spread_out(items: list[T], most: int) -> list[T]:
    if len(items) <= most:
        return items
    return [items[k] for k in np.linspace(0, len(items) - 1, most).round().astype(int)]


def _at_zero(found: list[tuple[float, float]]) -> float:
    """The shift at lag zero: of the one exact pair, or between two."""
    if len(found) == 1:
        return found[0][1]
    (lag0, shift0), (lag1, shift1) = found
    return shift0 - lag0 * (shift1 - shift0) / (lag1 - lag0)


def _robust_intercept(lags: HostArray, shifts: HostArray) -> tuple[float, HostArray]:
    """The line through the shifts at lag zero, with Tukey's weights, and the residuals."""
    design = np.stack([np.ones_like(lags), lags], axis=1)
    if np.ptp(lags) <= EXACT_RAD:
        design = design[:, :1]
    weights = np.ones_like(shifts)
    for _ in range(10):
        root = np.sqrt(weights)
        line = np.linalg.lstsq(design * root[:, None], shifts * root, rcond=None)[0]
        residuals = shifts - design @ line
        scale = max(1.4826 * float(np.median(np.abs(residuals))), 1e-6)
        weights = np.maximum(1 - (residuals / (4.685 * scale)) ** 2, 0) ** 2
    return float(line[0]), residuals


@dataclass(frozen=True, eq=False)
class _Registration:
    """Smoothed views, (view, row, column) float64, to be laid on each other's mirror images."""

    views: Array

    @classmethod
    def of(cls, sinogram: Array) -> _Registration:
        rows = np.unique(np.linspace(0, sinogram.shape[1] - 1, MAX_ROWS).round().astype(int))
        views = xp_of(sinogram).asarray(sinogram[:, rows], dtype=np.float64)
        return cls(ndimage_of(sinogram).gaussian_filter1d(views, SMOOTHING_COLUMNS, axis=-1))

    def whole_shift(self, pairs: list[Pair]) -> float:
        """The whole shift s, at least half of the columns overlapping, that best lays b(u − s) on a, over all pairs."""
        n = self.views.shape[-1]
        first = self.views[[i for i, _, _ in pairs]]
        second = self.views[[j for _, j, _ in pairs]][..., ::-1]
        floor = 1e-3 * float((first**2).sum() + (second**2).sum())
        best, shift = np.inf, 0
        for s in range(-(n // 2), n // 2 + 1):
            a, b = first[..., max(s, 0) : n + min(s, 0)], second[..., max(-s, 0) : n - max(s, 0)]
            cost = float(((a - b) ** 2).sum() + floor) / (float((a**2).sum() + (b**2).sum() + floor) or 1.0)
            if cost < best:
                best, shift = cost, s
        return float(shift)

    def shift(self, i: int, j: int, start: float) -> float:
        """The shift s that minimises Σ (a(u) − b(u − s))² near ``start``, to 1e-4 columns; b is view j mirrored."""
        a, b = self.views[i], self.views[j][:, ::-1]
        xp, ndimage, n = xp_of(a), ndimage_of(a), a.shape[-1]
        s = start
        for _ in range(20):
            moved = ndimage.shift(b, (0, s), order=3, mode="nearest")
            inside = slice(max(2, int(np.ceil(s)) + 2), min(n - 2, int(np.floor(s)) + n - 2))
            slope = xp.gradient((a + moved) / 2, axis=-1)[:, inside]
            energy = float((slope**2).sum())
            if energy <= 1e-20 * (1.0 + float((a**2).sum())):
                raise InputError("the views show nothing that could be registered", do="look at the sinogram")
            step = -float(((a - moved)[:, inside] * slope).sum()) / energy
            s = float(np.clip(s + np.clip(step, -1, 1), start - 4, start + 4))
            if abs(step) < 1e-4:
                break
        return s
