"""Where the balls of a calibration phantom stand in every view, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.preparation.finite import require_finite
from scanmill.arrays import HostArray, ndimage_of, to_host
from scanmill.data import Projections
from scanmill.errors import InputError

LEAST_VIEWS = 8
LEAST_PIXELS = 4
RIM = 2
"""So many pixels around a ball's shadow belong to its centroid; as many more tell the background."""


@dataclass(frozen=True, eq=False)
class BallTracks:
    """Centroids in zero-based pixel centres: ``rows`` and ``columns`` (view, ball), balls in the order of their rows;
    ``views`` are the indices of the views that show all of them, of ``n_views``."""

    rows: HostArray
    columns: HostArray
    views: HostArray
    n_views: int


def find_balls(projections: Projections, *, n_balls: int | None = None, threshold: float | None = None) -> BallTracks:
    """Find dense balls in line integrals and follow each through the views.

    A shadow is a connected set above ``threshold`` (half of the 99.9th percentile over the background, by default);
    its centroid is weighted by the line integral less the background around it. ``n_balls`` is by default the number
    that most views show. Views in which balls overlap, or leave the detector, are left out. The balls must lie at
    different heights, so that their order in the rows never changes.
    Raises InputError for NaN, other quantities, no balls, fewer than `LEAST_VIEWS` complete views, and for balls
    that change places.
    """
    if projections.quantity != "line_integral":
        raise InputError("balls are sought in line integrals", got=projections.quantity, do="take the logarithm first")
    require_finite(projections.array, "the ball phantom's scan")
    views = to_host(projections.array).astype(np.float64)
    low, high = np.percentile(views, [50.0, 99.9])
    level = low + 0.5 * (high - low) if threshold is None else threshold
    found = [_shadows(view, level) for view in views]
    counts = np.array([len(points) for points in found])
    wanted = int(np.bincount(counts[counts > 0]).argmax()) if n_balls is None and counts.any() else n_balls or 0
    complete = (counts == wanted).nonzero()[0] if wanted else np.array([], dtype=int)
    if len(complete) < LEAST_VIEWS:
        raise InputError(
            "too few views show all balls", expected=f"{LEAST_VIEWS} views with {wanted or 'some'} balls",
            got=f"{len(complete)}; most views show {int(np.median(counts))}",
            do="give n_balls or the threshold, and place the balls where no view loses one",
        )  # fmt: skip
    points = np.stack([np.array(found[view]) for view in complete])
    tracks = BallTracks(points[..., 0], points[..., 1], complete, len(views))
    _require_order(tracks)
    return tracks


def _shadows(view: HostArray, level: float) -> list[tuple[float, float]]:
    """(row, column) of every whole shadow, sorted; one that touches the rim is no whole one."""
    ndimage = ndimage_of(view)
    labels = ndimage.label(view > level)[0]
    points = []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if (labels[box] == number).sum() < LEAST_PIXELS:
            continue
        wide = [slice(s.start - 2 * RIM, s.stop + 2 * RIM) for s in box]
        if min(s.start for s in wide) < 0 or any(s.stop > size for s, size in zip(wide, view.shape, strict=True)):
            continue
        points.append(_centroid(view[tuple(wide)], wide))
    return sorted(points)


def _centroid(window: HostArray, box: list[slice]) -> tuple[float, float]:
    """The centroid of the window's inner part, over the median of its frame."""
    inside = np.zeros(window.shape, dtype=bool)
    inside[RIM:-RIM, RIM:-RIM] = True
    weight = np.where(inside, window - np.median(window[~inside]), 0.0)
    row, column = np.mgrid[box[0], box[1]]
    return float((row * weight).sum() / weight.sum()), float((column * weight).sum() / weight.sum())


def _require_order(tracks: BallTracks) -> None:
    """No ball may come nearer to its neighbour's row than it moves between two views."""
    if tracks.rows.shape[1] == 1:
        return
    gap = np.diff(tracks.rows, axis=1).min()
    move = np.abs(np.diff(tracks.rows, axis=0)).max()
    if gap < 1.0 or move > 0.5 * np.diff(tracks.rows.mean(axis=0)).min() + gap:
        raise InputError(
            "the balls change their order in the rows", got=f"a least distance of {gap:.1f} rows",
            do="use a phantom whose balls lie at well separated heights",
        )  # fmt: skip
