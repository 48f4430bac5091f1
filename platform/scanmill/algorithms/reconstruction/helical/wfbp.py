"""WFBP: weighted filtered backprojection of a helical cone-beam scan."""

from __future__ import annotations

import numpy as np

from scanmill.algorithms.filtering import Window, ramp_filter
from scanmill.algorithms.reconstruction.helical.helix import Helix, helix_of
from scanmill.algorithms.reconstruction.helical.rebinning import rebin
from scanmill.arrays import Array, HostArray, device_of, to_device, use_device, xp_of
from scanmill.data import Projections, Volume
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry

TAPER = 0.4
"""The outer part of the detector's half height over which the weight of a row falls to zero."""
THETAS_AT_ONCE = 64
COLUMNS_AT_ONCE = 1 << 14


def wfbp(
    projections: Projections,
    grid: VolumeGeometry,
    *,
    window: Window = "ram-lak",
    cutoff: float = 1.0,
    taper: float = TAPER,
    device: str | None = None,
) -> Volume:
    """Weighted filtered backprojection of line integrals from a helical (or circular) cone-beam scan, in 1/mm.

    f(x) = π/N Σ_θ Σ_k W(q_k) p̂_k / Σ_k W(q_k) over the half turns θ + k π (Stierstorfer et al., Phys. Med. Biol. 49
    (2004) 2209): the fans are rebinned to parallels, weighed with the cosine of their rise and ramp-filtered along t;
    each voxel takes the row q_k in which it is seen. W is 1 in the middle of the detector and falls smoothly to 0 over
    the outer ``taper`` of it. Flat and cylindrical detectors; a focal spot that flies in the plane doubles the samples
    in t, one that flies along z the rows. Exact for objects uniform along z; elsewhere the error grows with the cone.

    Voxels outside the field of view, and those that some θ never sees, are 0 (`wfbp_and_unseen` counts the latter).
    ``cutoff`` is a fraction of the Nyquist frequency. The work is done on ``device``, by default where the data are;
    from elsewhere they come to it a few views at a time. Raises InputError where the scan is no helix around z, and
    where no voxel is seen.
    """
    image, unseen = wfbp_and_unseen(projections, grid, window=window, cutoff=cutoff, taper=taper, device=device)
    if unseen >= 1:
        raise InputError("the scan sees no voxel of the grid over half a turn", do="look at pitch and z of the grid")
    return image


def wfbp_and_unseen(
    projections: Projections,
    grid: VolumeGeometry,
    *,
    window: Window = "ram-lak",
    cutoff: float = 1.0,
    taper: float = TAPER,
    device: str | None = None,
) -> tuple[Volume, float]:
    """`wfbp` and the share of the voxels in the field of view that some θ never sees; these are 0, and may be all."""
    if projections.quantity != "line_integral":
        raise InputError("wrong quantity", expected="line_integral", got=projections.quantity, do="prepare the counts")
    if not 0 < taper <= 1:
        raise SpecError("the taper is a part of the detector", expected="in (0, 1]", got=taper)
    device = device or device_of(projections.array)
    helix = helix_of(projections.geometry)
    chosen = thetas_for(helix, grid)
    if chosen.stop == 0:
        return Volume(to_device(np.zeros(grid.shape, np.float32), device), grid, "1/mm"), 1.0
    with use_device(device):
        z = float(grid.to_points([0, 0, 0])[2])
        filtered, tables = _filtered(projections.array, helix, helix.angles[chosen], z, window, cutoff, device)
        array, unseen = _backproject(filtered, tables, helix, helix.angles[chosen], grid, taper)
    return Volume(array, grid, "1/mm"), unseen


def thetas_for(helix: Helix, grid: VolumeGeometry) -> slice:
    """The parallel views whose rays can meet the grid; empty where there are none."""
    axis = np.asarray(grid.direction)[:, 2]
    if abs(abs(axis[2]) - 1) > 1e-6:
        raise InputError("the grid's slices must lie in planes of constant z", got=tuple(axis.round(6)))
    z = grid.to_points([[0, 0, 0], [0, 0, grid.shape[0] - 1]])[:, 2]
    reach = helix.reach(helix.field_radius)
    low, high = helix.source_z()
    met = np.flatnonzero((low - reach <= z.max()) & (high + reach >= z.min()))
    if len(met) == 0:
        return slice(0, 0)
    return slice(int(met[0]), int(met[-1]) + 1)


def _filtered(
    y: Array, helix: Helix, angles: HostArray, z: float, window: Window, cutoff: float, device: str
) -> tuple[Array, Array]:
    """The filtered parallel rays (group, theta, t, row), and the kernel's tables (group, 4, theta, t), whose heights
    count from ``z``: short numbers keep their digits."""
    dtype = np.float64 if y.dtype == np.float64 else np.float32
    xp = xp_of(to_device(y[:0], device))
    shape = (len(helix.groups), len(angles), helix.n_t)
    filtered = xp.empty((*shape, y.shape[1]), dtype=dtype)
    tables = xp.empty((shape[0], 4, *shape[1:]), dtype=dtype)
    for group in range(shape[0]):
        for start in range(0, len(angles), THETAS_AT_ONCE):
            part = slice(start, start + THETAS_AT_ONCE)
            parallels, (source_l, source_z, rise, rise_step) = rebin(y, helix, group, angles[part], device=device)
            lines = ramp_filter(parallels, helix.t_step, window=window, cutoff=cutoff)
            filtered[group, part] = xp.moveaxis(lines, 1, 2)
            tables[group, :, part] = xp.asarray(np.stack([source_z - z, source_l, 1 / rise_step, -rise / rise_step]))
    return filtered, tables


def _backproject(
    filtered: Array, tables: Array, helix: Helix, angles: HostArray, grid: VolumeGeometry, taper: float
) -> tuple[Array, float]:
    """The image (z, y, x), and the share of its voxels in the field of view that some θ never sees."""
    xp, dtype = xp_of(filtered), filtered.dtype
    nz, ny, nx = grid.shape
    x, y = np.moveaxis(grid.crop(slice(1), slice(None), slice(None)).voxel_points()[0, ..., :2].reshape(-1, 2), 1, 0)
    inside = np.flatnonzero(np.hypot(x, y) <= helix.field_radius)
    place = xp.asarray(np.stack([x, y])[:, inside], dtype=dtype)
    z_step = np.asarray(grid.direction)[2, 2] * grid.spacing[2]
    sizes = xp.asarray([helix.t, 1 / helix.t_step, taper, 0.0, z_step], dtype=dtype)
    turn = xp.asarray(np.stack([np.cos(angles), np.sin(angles)]), dtype=dtype)
    rays = (filtered, tables, turn)
    image = xp.zeros((nz, ny * nx), dtype=dtype)
    n_unseen = 0
    for start in range(0, len(inside), COLUMNS_AT_ONCE):
        part = slice(start, start + COLUMNS_AT_ONCE)
        values, unseen = _columns(rays, xp.ascontiguousarray(place[:, part]), sizes, nz, helix.n_half)
        image[:, xp.asarray(inside[part])] = values
        n_unseen += unseen
    return image.reshape(grid.shape), n_unseen / max(len(inside) * nz, 1)


def _columns(rays: tuple[Array, Array, Array], place: Array, sizes: Array, nz: int, n_half: int) -> tuple[Array, int]:
    """The voxels (z, column) above some places in the slice, and how many of them are unseen."""
    from scanmill.kernels import helix as kernels

    xp, n = xp_of(place), place.shape[1]
    out, scratch = (xp.empty((2, n, nz), dtype=place.dtype) for _ in range(2))
    kernels.BACKPROJECT(n, *rays, place, sizes, n_half, scratch, out)
    unseen = out[1] > 0
    return xp.where(unseen, 0, out[0]).T * place.dtype.type(np.pi / n_half), int(unseen.sum())
