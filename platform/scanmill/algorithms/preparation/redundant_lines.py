"""Lines through the focal spots of two views, and where they fall on both detectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry


@dataclass(frozen=True, eq=False)
class LinePairs:
    """Lines (n,): the two views that measured each one, and its place (row, column) on their detectors, in pixels."""

    first_view: HostArray
    second_view: HostArray
    first_pixel: HostArray
    second_pixel: HostArray


def line_pairs(scan: ScanGeometry, *, n_views: int) -> LinePairs:
    """All lines that up to ``n_views`` views, evenly spread, have in common with a later view.

    InputError for beams without a focal spot, and where no line is seen twice.
    """
    if scan.beam != "cone":
        raise InputError("lines through two focal spots need a cone beam", got=scan.beam)
    azimuth = np.unwrap(np.arctan2(scan.source[:, 0], -scan.source[:, 1]))
    travelled = np.abs(azimuth - azimuth[0])
    found = [_pairs_of(scan, int(view), travelled) for view in _spread(travelled, n_views)]
    pairs = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    if not pairs or not len(pairs[0]):
        raise InputError("no line is measured twice", expected="more than half a turn and a pitch below about 1.4")
    return LinePairs(*pairs)


def _spread(travelled: HostArray, n_views: int) -> HostArray:
    """Views that have others opposite after them."""
    candidates = np.flatnonzero(travelled <= travelled[-1] - np.pi / 2)
    chosen = np.linspace(0, len(candidates) - 1, min(n_views, len(candidates)))
    return candidates[np.unique(chosen.round().astype(np.int64))] if len(candidates) else candidates


def _pairs_of(scan: ScanGeometry, view: int, travelled: HostArray) -> tuple[HostArray, ...]:
    ahead = travelled - travelled[view]
    others = np.flatnonzero((ahead > np.pi / 2) & (ahead < 3 * np.pi / 2))
    here = np.full(len(others), view)
    along = scan.source[others] - scan.source[view]
    first, second = pixels_of(scan, here, along), pixels_of(scan, others, -along)
    seen = _inside(scan, first) & _inside(scan, second)
    return here[seen], others[seen], first[seen], second[seen]


def _inside(scan: ScanGeometry, pixel: HostArray) -> HostArray:
    return np.asarray(((pixel >= 0) & (pixel <= (scan.n_rows - 1, scan.n_columns - 1))).all(axis=1))


def pixels_of(scan: ScanGeometry, views: HostArray, along: HostArray) -> HostArray:
    """Where rays from the focal spots of ``views`` in the directions ``along`` (n, 3) meet the detectors.

    (n, 2) float64: row and column, zero-based, possibly outside; nan for a ray that turns away.
    """
    t, s = scan.column_step[views], scan.row_step[views]
    middle = scan.detector[views] if scan.arc_center is None else scan.arc_center[views]
    from_middle = scan.source[views] - middle
    with np.errstate(invalid="ignore", divide="ignore"):
        if scan.arc_center is None:
            normal = np.cross(t, s)
            reach = -_dot(from_middle, normal) / _dot(along, normal)
            point = from_middle + np.where(reach > 0, reach, np.nan)[:, None] * along
            column = _dot(point, t) / _dot(t, t)
        else:
            column, point = _on_arc(scan, views, from_middle, along)
    row = _dot(point, s) / _dot(s, s)
    return np.stack([row + (scan.n_rows - 1) / 2, column + (scan.n_columns - 1) / 2], axis=1)


def _on_arc(scan: ScanGeometry, views: HostArray, start: HostArray, along: HostArray) -> tuple[HostArray, HostArray]:
    """Column from the middle, and the point from the arc's center, on a cylinder about the row direction."""
    t, arm = scan.column_step[views], scan.detector[views] - scan.arc_center[views]  # type: ignore[index]
    radius, pitch = np.linalg.norm(arm, axis=1), np.linalg.norm(t, axis=1)
    inward, across = arm / radius[:, None], t / pitch[:, None]
    x, y = _dot(start, inward), _dot(start, across)
    u, v = _dot(along, inward), _dot(along, across)
    a, b, c = u * u + v * v, x * u + y * v, x * x + y * y - radius * radius
    point = start + ((-b + np.sqrt(b * b - a * c)) / a)[:, None] * along
    return np.arctan2(_dot(point, across), _dot(point, inward)) * radius / pitch, point


def _dot(a: HostArray, b: HostArray) -> HostArray:
    return np.asarray((a * b).sum(axis=1))
