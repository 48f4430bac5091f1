"""What rebinning needs to know of a helical scan, read from its poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.reconstruction.helical.fan_rays import FanRays, fan_rays
from scanmill.algorithms.reconstruction.helical.focal_spots import focal_spots
from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.operators.cone_reach import steepest_rise

HOLE_STEPS = 3.0
"""An angular step wider than this many median steps is a hole in the scan."""


@dataclass(frozen=True, eq=False)
class Spot:
    """The views of one focal spot in the order of their angles, and the rays of the detector's outer columns."""

    views: HostArray
    ends: FanRays


@dataclass(frozen=True, eq=False)
class Helix:
    """A helical (or circular) scan and the regular grid of its parallel rays.

    ``groups`` hold the spots of one height each. Ray (m, j) has θ = ``theta`` + m π / ``n_half`` rad and
    t = ``t`` + j ``t_step`` mm, for m below ``n_theta`` and j below ``n_t``. ``gantry`` (view) is the continuous angle
    of every view.
    """

    scan: ScanGeometry
    gantry: HostArray
    groups: tuple[tuple[Spot, ...], ...]
    theta: float
    n_theta: int
    n_half: int
    t: float
    t_step: float
    n_t: int

    @property
    def angles(self) -> HostArray:
        """θ of the parallel views in rad, (n_theta)."""
        return self.theta + np.arange(self.n_theta) * np.pi / self.n_half

    @property
    def field_radius(self) -> float:
        """The radius in mm of the circle that is seen from every angle."""
        return min(-self.t, self.t + (self.n_t - 1) * self.t_step)

    def source_z(self) -> HostArray:
        """The lowest and the highest z in mm from which the rays of each θ start, (2, n_theta)."""
        ends = [(spot.ends.theta[:, e], spot.ends.source_z) for g in self.groups for spot in g for e in (0, 1)]
        z = np.array([np.interp(self.angles, theta, height) for theta, height in ends])
        return np.stack([z.min(axis=0), z.max(axis=0)])

    def reach(self, radius: float) -> float:
        """How far in mm along z from its source a ray, to the detector's very edge, may meet the cylinder of that
        radius."""
        distance = float(np.linalg.norm(self.scan.source[:, :2], axis=1).max())
        return steepest_rise(self.scan, beyond_rows=0.5) * (distance + radius)


def helix_of(scan: ScanGeometry) -> Helix:
    """Read a scan that turns one way around the z axis, on a helix or a circle, with any flying focal spot.

    t is sampled as finely as the columns stand at the axis, twice as finely where the spot flies in the plane between
    two places. Raises InputError where the views do not turn steadily, or cover less than half a turn of parallel rays.
    """
    gantry = np.unwrap(scan.angles)
    groups = tuple(tuple(_spot(scan, gantry, views) for views in group) for group in focal_spots(scan))
    spots = [spot for group in groups for spot in group]
    start = max(float(s.ends.theta[0].max()) for s in spots)
    stop = min(float(s.ends.theta[-1].min()) for s in spots)
    step = min(float(np.median(np.diff(gantry[s.views]))) for s in spots)
    if stop - start < np.pi:
        got = f"{np.rad2deg(max(stop - start, 0.0)):.1f}"
        raise InputError("too few views for parallel rays", expected="180 degrees and the fan", got=got)
    n_half = max(1, round(np.pi / step))
    lower = max(min(float(s.ends.t[:, 0].max()) for s in group) for group in groups)
    upper = min(max(float(s.ends.t[:, 1].min()) for s in group) for group in groups)
    if not lower < 0 < upper:
        raise InputError("the detector does not see the axis of rotation", got=(round(lower, 3), round(upper, 3)))
    t_step = column_at_axis(scan) / max(len(group) for group in groups)
    n_t = int((upper - lower) / t_step + 1e-6) + 1
    n_theta = int((stop - start) / np.pi * n_half + 1e-6) + 1
    return Helix(scan, gantry, groups, start, n_theta, n_half, lower, t_step, n_t)


def column_at_axis(scan: ScanGeometry) -> float:
    """The width in mm of a detector column, seen from the focal spot at the axis of rotation."""
    away = np.linalg.norm((scan.detector - scan.source)[:, :2], axis=1)
    return float(np.median(scan.column_spacing * np.linalg.norm(scan.source[:, :2], axis=1) / away))


def _spot(scan: ScanGeometry, gantry: HostArray, views: HostArray) -> Spot:
    mine = views[np.argsort(gantry[views], kind="stable")]
    if len(mine) < 2:
        raise InputError("a focal spot has a single view", where=f"view {int(mine[0])}", do="leave the view out")
    ends = fan_rays(scan.views(mine), np.array([0, scan.n_columns - 1]), gantry[mine])
    steps = np.diff(ends.theta, axis=0)
    if steps.min() <= 0 or steps.max() > HOLE_STEPS * np.median(steps):
        got = f"steps of {np.rad2deg(steps.min()):.3g} to {np.rad2deg(steps.max()):.3g} degrees"
        raise InputError("the views do not turn steadily", expected="one direction, no hole, no angle twice", got=got)
    return Spot(mine, ends)
