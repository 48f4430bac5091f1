"""How sharp an image is: the width of its strongest edges."""

from __future__ import annotations

import numpy as np

from scanmill.arrays import Array, HostArray, ndimage_of, to_host, xp_of
from scanmill.errors import InputError

WIDTH_OF_GAUSSIAN = 2.5631031310892007
"""The 10 to 90 % width of a step blurred by a Gaussian, in its sigmas (twice the 90 % quantile)."""
STEP = 0.125
"""The distance of two samples on a profile, in voxels."""


def edge_width(
    image: Array, *, spacing_mm: float = 1.0, n_edges: int = 400, reach: float = 8.0, smoothing: float = 1.0
) -> float:
    """The 10 to 90 % rise of the edge spread function along the strongest edges, in mm.

    In the planes of the last two axes (square voxels of ``spacing_mm``): the gradient of the image smoothed by
    ``smoothing`` voxels finds the ``n_edges`` steepest places that are steepest along their own gradient; through each
    a profile of ``reach`` voxels to either side is read along the gradient by cubic interpolation from the image
    itself, aligned at its half height and scaled to 0..1; the median of all profiles is the edge spread function. It
    stands for edges that are straight and alone within ``reach``; a reach of three widths is enough.
    Raises InputError where fewer than 8 edges are found.

    >>> image = np.zeros((48, 48))
    >>> image[:, 24:] = 1.0
    >>> bool(edge_width(image) < 1.0)
    True
    """
    if image.ndim < 2 or min(image.shape[-2:]) < 4 * reach:
        raise InputError("the image is too small for profiles across its edges", got=image.shape)
    xp, ndimage = xp_of(image), ndimage_of(image)
    planes = image.astype(xp.float64).reshape(-1, *image.shape[-2:])
    places, normals = _steepest(planes, n_edges, int(np.ceil(reach)) + 1, smoothing)
    if len(places) < 8:
        raise InputError("too few edges to measure a width on", expected="8 or more", got=len(places))
    t = STEP * np.arange(-round(reach / STEP), round(reach / STEP) + 1)
    points = places[:, :, None] + normals[:, :, None] * t
    used, number = np.unique(places[:, 0].astype(int), return_inverse=True)
    filtered = ndimage.spline_filter1d(ndimage.spline_filter1d(planes[used], 3, axis=1), 3, axis=2)
    profiles = _read(filtered, number, points)
    spread_function = np.median([_aligned(t, profile) for profile in profiles], axis=0)
    return spacing_mm * _rise(t, spread_function)


def _steepest(planes: Array, n_edges: int, rim: int, smoothing: float) -> tuple[HostArray, HostArray]:
    """The places (n, 3) of the steepest ridge points of the gradient and their unit normals (n, 3), (plane, y, x)."""
    xp, ndimage = xp_of(planes), ndimage_of(planes)
    sigmas = (0.0, smoothing, smoothing)
    dy = ndimage.gaussian_filter(planes, sigmas, order=(0, 1, 0))
    dx = ndimage.gaussian_filter(planes, sigmas, order=(0, 0, 1))
    steep = xp.hypot(dy, dx)
    inside = xp.zeros(steep.shape, dtype=bool)
    inside[:, rim:-rim, rim:-rim] = True
    across = xp.abs(dx) >= xp.abs(dy)
    ridge = xp.where(across, _is_ridge(steep, 2), _is_ridge(steep, 1)) & inside & (steep > 0)
    index = to_host(xp.stack(xp.nonzero(ridge), axis=1))
    steepness = to_host(steep[ridge])
    chosen = np.argsort(-steepness, kind="stable")[:n_edges]
    chosen = chosen[steepness[chosen] >= 0.25 * steepness.max(initial=0.0)]
    normals = np.stack([np.zeros(len(chosen)), to_host(dy[ridge])[chosen], to_host(dx[ridge])[chosen]], axis=1)
    return index[chosen].astype(np.float64), normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _is_ridge(steep: Array, axis: int) -> Array:
    xp = xp_of(steep)
    return (steep >= xp.roll(steep, 1, axis)) & (steep >= xp.roll(steep, -1, axis))


def _read(filtered: Array, number: HostArray, points: HostArray) -> HostArray:
    """The profiles (n, samples): cubic splines of each plane at its points."""
    xp, ndimage = xp_of(filtered), ndimage_of(filtered)
    profiles = np.empty((len(points), points.shape[2]))
    for k in range(filtered.shape[0]):
        mine = number == k
        where = xp.asarray(np.moveaxis(points[mine][:, 1:], 1, 0))
        profiles[mine] = to_host(ndimage.map_coordinates(filtered[k], where, order=3, prefilter=False))
    return profiles


def _aligned(t: HostArray, profile: HostArray) -> HostArray:
    """The profile with its plateaus at 0 and 1 and its half height at t = 0."""
    low, high = _plateaus(profile)
    rise = (profile - low) / ((high - low) or 1.0)
    return np.interp(t, t - _crossing(t, rise, 0.5), rise)


def _plateaus(profile: HostArray) -> tuple[float, float]:
    quarter = len(profile) // 4
    return float(np.median(profile[:quarter])), float(np.median(profile[-quarter:]))


def _crossing(t: HostArray, rise: HostArray, level: float) -> float:
    """Where a rising profile passes ``level``, the crossing nearest to t = 0."""
    up = np.flatnonzero((rise[:-1] < level) & (rise[1:] >= level))
    if len(up) == 0:
        return 0.0
    at = t[up] + STEP * (level - rise[up]) / (rise[up + 1] - rise[up])
    return float(at[np.abs(at).argmin()])


def _rise(t: HostArray, spread_function: HostArray) -> float:
    low, high = _plateaus(spread_function)
    rise = (spread_function - low) / ((high - low) or 1.0)
    return _crossing(t, rise, 0.9) - _crossing(t, rise, 0.1)
