"""How much of k-space each sample of a spoke stands for: the ramp, in two and three dimensions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanmill.arrays import HostArray
from scanmill.errors import InputError

STRAIGHT = 1e-3
"""Spokes may leave the line through the centre by this part of a sample's distance."""


def radial_density_compensation(points: npt.ArrayLike) -> HostArray:
    """The weights (spoke, sample) of ``points`` (spoke, sample, d) on straight spokes with even samples.

    In the plane |k| dk da, with da half the angle between the two neighbours of a spoke, whatever their order (golden
    angles); the centre's disc is shared by its samples. In space 2 pi (k² + dk²/12) dk / n, for directions that fill
    the sphere evenly. A spoke may be half: then it begins at the centre. Unit and scale as in
    `density_compensation`. Raises InputError where the spokes are not such.

    >>> cross = np.array([[[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]], [[0.0, -1.0], [0.0, 0.0], [0.0, 1.0]]])
    >>> radial_density_compensation(cross).round(2).tolist()
    [[1.57, 0.39, 1.57], [1.57, 0.39, 1.57]]
    """
    k = np.asarray(points, dtype=np.float64)
    if k.ndim != 3 or k.shape[-1] not in (2, 3) or k.shape[1] < 2 or not np.isfinite(k).all():
        raise InputError("spokes of another shape", expected="(spoke, sample, 2 or 3), finite", got=k.shape)
    n_spokes, n_samples, n_dims = k.shape
    directions = k[:, -1] - k[:, 0]
    steps = np.linalg.norm(directions, axis=-1, keepdims=True) / (n_samples - 1)
    if not (steps > 0).all():
        raise InputError("spokes without length", got=float(steps.min()))
    directions = directions / steps / (n_samples - 1)
    along = np.einsum("nsd,nd->ns", k, directions)
    even = along[:, :1] + steps * np.arange(n_samples)
    if abs(k - even[..., None] * directions[:, None]).max() > STRAIGHT * steps.max():
        raise InputError("no straight spokes through the centre, with even samples", do="take density_compensation")
    is_half = bool((even[:, 0] > -steps[:, 0] / 2).all())
    if n_dims == 3:
        return np.asarray((4 if is_half else 2) * np.pi / n_spokes * (along**2 * steps + steps**3 / 12))
    period = 2 * np.pi if is_half else np.pi
    weights = abs(along) * steps * _angles(directions, period)[:, None]
    centre = abs(along) < steps / 2
    share = np.pi * (steps / 2) ** 2 / max(int(centre.sum()), 1)
    return np.asarray(np.where(centre, share, weights))


def _angles(directions: HostArray, period: float) -> HostArray:
    """Half the angle between the two neighbours of each spoke, around ``period``."""
    angles = np.arctan2(directions[:, 1], directions[:, 0]) % period
    order = np.argsort(angles, kind="stable")
    gaps = np.diff(angles[order], append=angles[order[0]] + period)
    halves = np.empty_like(angles)
    halves[order] = (gaps + np.roll(gaps, 1)) / 2
    return halves
