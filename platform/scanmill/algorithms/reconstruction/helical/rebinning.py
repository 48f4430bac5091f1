"""From fans to parallels: the rays of a helix on a regular grid of angle and distance from the axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanmill.algorithms.reconstruction.helical.fan_rays import fan_rays
from scanmill.algorithms.reconstruction.helical.helix import Helix, Spot
from scanmill.arrays import Array, HostArray, device_of, to_device, xp_of


@dataclass(frozen=True, eq=False)
class Samples:
    """What a group of spots measured at each θ: (theta, sample), a sample being a column under one spot.

    ``views`` (2, theta, sample) are read with the weights 1 - ``weight`` and ``weight``; ``rays`` (5, theta, sample)
    are t, l and z of the source, rise and step of the rise (`FanRays`).
    """

    views: HostArray
    weight: HostArray
    rays: HostArray


def rebin(
    y: Array, helix: Helix, group: int, angles: HostArray, *, device: str | None = None
) -> tuple[Array, HostArray]:
    """Parallel rays (theta, row, t) at ``angles`` under one group of spots, times the cosine of their rise; and where
    they ran: (4, theta, t) float64, l and z of the source in mm, rise of row 0 and step of the rise.

    Linear in the view, then linear between the two nearest samples in t, over all spots of the group: the spots of a
    flying focus thus interleave (Stierstorfer et al., Phys. Med. Biol. 49 (2004) 2209; Flohr et al., Med. Phys. 32
    (2005) 2536). ``y`` is (view, row, column); where it is not on ``device``, only the views in use come there.
    """
    from scanmill.kernels import helix as kernels

    samples = samples_at(helix, group, angles)
    first, last = int(samples.views.min()), int(samples.views.max())
    y = to_device(y[first : last + 1], device or device_of(y))
    y = y.astype(np.float64 if y.dtype == np.float64 else np.float32, copy=False)
    xp = xp_of(y)
    pairs, weight = _pairs(samples.rays[0], helix.t + helix.t_step * np.arange(helix.n_t))
    rays = _mixed(samples.rays[1:], pairs, weight)
    out = xp.empty((len(angles), y.shape[1], helix.n_t), dtype=y.dtype)
    weights = (samples.weight, pairs, weight, rays[2:])
    tables = [xp.asarray(samples.views - first, dtype=np.int32)]
    tables += [xp.asarray(w, dtype=np.int32 if w is pairs else y.dtype) for w in weights]
    kernels.REBIN(len(angles) * helix.n_t, xp.ascontiguousarray(y), *tables, out)
    return out, rays


def samples_at(helix: Helix, group: int, angles: HostArray) -> Samples:
    """Every column under every spot of the group at the given angles, which ascend."""
    parts = [_of_spot(helix, spot, angles) for spot in helix.groups[group]]
    views, weight, rays = zip(*parts, strict=True)
    return Samples(np.concatenate(views, axis=-1), np.concatenate(weight, axis=-1), np.concatenate(rays, axis=-1))


def _of_spot(helix: Helix, spot: Spot, angles: HostArray) -> tuple[HostArray, HostArray, HostArray]:
    """Views, weight and rays of `Samples` for one spot."""
    near = _window(spot, angles)
    fan = fan_rays(helix.scan.views(near), gantry=helix.gantry[near])
    count = np.arange(len(near), dtype=np.float64)
    at = np.stack([np.interp(angles, theta, count) for theta in fan.theta.T], axis=1)
    before = np.minimum(at.astype(np.int64), len(near) - 2)
    weight = at - before
    columns = np.arange(helix.scan.n_columns)
    source_z = np.broadcast_to(fan.source_z[:, None], fan.t.shape)
    tables = (fan.t, fan.source_l, source_z, fan.rise, fan.rise_step)
    rays = [a[before, columns] * (1 - weight) + a[before + 1, columns] * weight for a in tables]
    return np.stack([near[before], near[before + 1]]), weight, np.stack(rays)


def _window(spot: Spot, angles: HostArray) -> HostArray:
    """The spot's views from the last one before all angles to the first one behind them, for every column."""
    ends = spot.ends.theta
    first = int(np.searchsorted(ends.max(axis=1), angles[0], side="right")) - 1
    last = int(np.searchsorted(ends.min(axis=1), angles[-1], side="left"))
    first = max(0, min(first, len(ends) - 2))
    return spot.views[first : max(last, first + 1) + 1]


def _pairs(measured: HostArray, wanted: HostArray) -> tuple[HostArray, HostArray]:
    """The samples on both sides of each wanted t, (2, theta, t), and the weight of the second one."""
    order = np.argsort(measured, axis=1, kind="stable")
    ascending = np.take_along_axis(measured, order, axis=1)
    right = np.stack([np.searchsorted(row, wanted, side="right") for row in ascending])
    right = np.clip(right, 1, measured.shape[1] - 1)
    a, b = (np.take_along_axis(ascending, k, axis=1) for k in (right - 1, right))
    weight = np.clip((wanted - a) / np.maximum(b - a, 1e-9), 0.0, 1.0)
    return np.stack([np.take_along_axis(order, k, axis=1) for k in (right - 1, right)]), weight


def _mixed(rays: HostArray, pairs: HostArray, weight: HostArray) -> HostArray:
    a, b = (np.stack([np.take_along_axis(table, k, axis=1) for table in rays]) for k in pairs)
    return np.asarray(a * (1 - weight) + b * weight)
