"""How much each measured ray counts in filtered backprojection, so that every line counts once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from scanmill.algorithms.reconstruction.circle import Circle
from scanmill.arrays import HostArray
from scanmill.errors import InputError, SpecError

Redundancy = Literal["auto", "smooth", "parker"]

TAPER_RAD = np.deg2rad(10.0)
"""Over how wide an angle a ray's confidence falls to zero at the end of an arc."""
HOLE_STEPS = 3.0
"""An angular gap wider than this many median steps is a hole in the scan (golden-angle steps differ by 2.62)."""
SAME_ANGLE_RAD = 1e-7
"""Views closer than this are measurements of the same angle."""
FULL_TURN = 2 * np.pi
ALL = slice(None)
VIEWS_AT_ONCE = 64
"""For so many views the tables of a share are held at once."""


@dataclass(frozen=True, eq=False)
class Arcs:
    """Where on the circle the source has been: ``start`` and ``length`` of every arc in rad, ``step`` of every view.

    ``step`` is the view's share of the arcs in rad (trapezoidal rule; views at the same angle share it equally).
    An arc reaches half a step beyond its outer views; one arc of length 2π has no ends.
    """

    start: HostArray
    length: HostArray
    step: HostArray

    def distance_to_end(self, angles: HostArray) -> HostArray:
        """The angular distance in rad from ``angles`` to the nearest end of the arc they lie in; 0 in a hole."""
        distance = np.zeros(np.shape(angles))
        for start, length in zip(self.start, self.length, strict=True):
            if length >= FULL_TURN:
                return np.full(np.shape(angles), np.inf)
            inside = np.mod(angles - start, FULL_TURN)
            distance = np.maximum(distance, np.minimum(inside, length - inside))
        return distance


def arcs_of(angles: HostArray, *, max_gap_rad: float | None = None) -> Arcs:
    """The arcs that a list of view angles covers, in any order, in equal steps or not.

    >>> arcs = arcs_of(np.deg2rad([0, 10, 20, 30, 200, 210, 220]))
    >>> np.rad2deg(arcs.start).round(9).tolist(), np.rad2deg(arcs.length).round(9).tolist()
    ([355.0, 195.0], [40.0, 30.0])
    """
    turned = np.mod(angles, FULL_TURN)
    order = np.argsort(turned, kind="stable")
    fresh = np.diff(turned[order], prepend=-1.0) > SAME_ANGLE_RAD
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(fresh) - 1
    unique = turned[order][fresh]
    if len(unique) > 1 and unique[0] + FULL_TURN - unique[-1] <= SAME_ANGLE_RAD:
        place[place == len(unique) - 1] = 0
        unique = unique[:-1]
    if len(unique) < 2:
        raise InputError("filtered backprojection needs views at two angles at least", got=len(unique))
    gap = np.diff(unique, append=unique[0] + FULL_TURN)
    median = float(np.percentile(gap, 50, method="lower"))
    hole = gap > (HOLE_STEPS * median if max_gap_rad is None else max_gap_rad)
    after = np.where(hole, np.nan, gap / 2)
    before = np.roll(after, 1)
    after_filled = np.where(np.isnan(after), np.where(np.isnan(before), median / 2, before), after)
    before_filled = np.where(np.isnan(before), np.where(np.isnan(after), median / 2, after), before)
    step = (before_filled + after_filled) / np.bincount(place, minlength=len(unique))
    if not hole.any():
        return Arcs(np.zeros(1), np.full(1, FULL_TURN), step[place])
    first, last = np.roll(hole, 1), hole
    start = unique[first] - before_filled[first]
    end = unique[last] + after_filled[last]
    end = end if unique[last][0] >= unique[first][0] else np.roll(end, -1)
    return Arcs(np.mod(start, FULL_TURN), np.mod(end - start, FULL_TURN), step[place])


def ray_weights(circle: Circle, *, redundancy: Redundancy = "auto", max_gap_rad: float | None = None) -> HostArray:
    """The weight in rad of every ray, (n_views, n_columns) float64: its share of the line times its angular step.

    A line is met twice in a turn: parallel rays (θ, t) and (θ + π, -t), fan rays (β, γ) and (β + π - 2γ, -γ) with γ
    growing along the columns. With a confidence c that falls smoothly to zero at the ends of the arcs and at the
    edges of the detector, and is zero where nothing was measured, the share c / (c + c') is smooth, is one where
    the other ray is missing, and the shares of both rays add up to one. Arcs, holes, detectors off the middle and
    unequal steps need no other rule. ``"auto"`` takes Parker's weights for one arc that is a short scan.

    >>> from scanmill.algorithms.reconstruction.circle import circle_of
    >>> from scanmill.geometry import ScanGeometry
    >>> full_turn = ScanGeometry.parallel(np.linspace(0, 2 * np.pi, 8, endpoint=False), 3, 1.0)
    >>> (ray_weights(circle_of(full_turn)) / np.pi).round(6).tolist()[0]
    [0.125, 0.125, 0.125]
    """
    if redundancy not in get_args(Redundancy):
        raise SpecError("unknown redundancy", expected=", ".join(get_args(Redundancy)), got=redundancy)
    arcs = arcs_of(circle.angles, max_gap_rad=max_gap_rad)
    if redundancy == "parker" and not is_short_scan(circle, arcs):
        raise InputError("Parker's weights need one arc from π + fan angle to 3π/2", got=arcs.length.round(4).tolist())
    share_of = parker_share if redundancy != "smooth" and is_short_scan(circle, arcs) else smooth_share
    weights = arcs.step[:, None] + np.zeros(circle.t.shape)
    for start in range(0, len(weights), VIEWS_AT_ONCE):
        views = slice(start, start + VIEWS_AT_ONCE)
        weights[views] *= share_of(circle, arcs, views)
    return weights


def smooth_share(circle: Circle, arcs: Arcs, views: slice = ALL) -> HostArray:
    """c / (c + c') with c = sin²(π/2 min(1, distance to the arc's end / 10°)) times the same of the detector's edge.

    For the rays of some views, (views, n_columns).
    """
    part = circle.views(views)
    lower, upper = circle.t[:, :1] - circle.spacing / 2, circle.t[:, -1:] + circle.spacing / 2
    other_angle = part.angles[:, None] + np.pi - 2 * part.gamma
    other_view = _nearest_view(circle.angles, other_angle)
    own = _rise(arcs.distance_to_end(part.angles)[:, None], TAPER_RAD) * _edge(part.t, lower[views], upper[views])
    other = _rise(arcs.distance_to_end(other_angle), TAPER_RAD)
    other = other * _edge(-part.t, lower[other_view, 0], upper[other_view, 0])
    return np.asarray(own / (own + other))


def parker_share(circle: Circle, arcs: Arcs, views: slice = ALL) -> HostArray:
    """Parker, Med. Phys. 9 (1982) 254, eq. 12, with the overscan angle δ = (arc - π) / 2 in place of the half fan.

    For the rays of some views, (views, n_columns). Parker's γ has the other sign. An overscan (δ beyond the half fan)
    is Silver, Med. Phys. 27 (2000) 773.
    """
    part = circle.views(views)
    delta = (arcs.length[0] - np.pi) / 2
    beta = np.mod(part.angles - arcs.start[0], FULL_TURN)[:, None]
    gamma = -part.gamma
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.sin(np.pi / 4 * beta / (delta - gamma)) ** 2
        fall = np.sin(np.pi / 4 * (np.pi + 2 * delta - beta) / (delta + gamma)) ** 2
    share = np.where(beta < 2 * (delta - gamma), rise, 1.0)
    return np.where(beta > np.pi - 2 * gamma, fall, share)


def is_short_scan(circle: Circle, arcs: Arcs) -> bool:
    """Whether one arc of a fan covers every line, with less than 3π/2, on a detector that is symmetric."""
    if len(arcs.length) > 1 or not np.isfinite(circle.distance):
        return False
    lopsided = np.abs(circle.t[:, 0] + circle.t[:, -1]).max() > circle.spacing
    widest = float(np.abs(replace(circle, t=circle.t[:, [0, -1]]).gamma).max())
    return bool(not lopsided and np.pi + 2 * widest <= arcs.length[0] < 1.5 * np.pi)


def _rise(distance: HostArray, width: float | HostArray) -> HostArray:
    return np.sin(np.pi / 2 * np.clip(distance / width, 0.0, 1.0)) ** 2


def _edge(t: HostArray, lower: HostArray, upper: HostArray) -> HostArray:
    """1 in the middle of the detector's symmetric part, 0 beyond its edges."""
    width = np.maximum(np.minimum(-lower, upper), 1e-9 * (upper - lower))
    return _rise(np.minimum(t - lower, upper - t), width)


def _nearest_view(angles: HostArray, wanted: HostArray) -> HostArray:
    turned = np.mod(angles, FULL_TURN)
    order = np.argsort(turned, kind="stable")
    around = np.concatenate([turned[order[-1:]] - FULL_TURN, turned[order], turned[order[:1]] + FULL_TURN])
    view = np.concatenate([order[-1:], order, order[:1]])
    middle = (around[1:] + around[:-1]) / 2
    nearest: HostArray = view[np.searchsorted(middle, np.mod(wanted, FULL_TURN))]
    return nearest
