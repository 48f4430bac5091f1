"""How much of the plane of k-space each sample stands for: the area of its Voronoi cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import Voronoi

from scanmill.arrays import HostArray
from scanmill.errors import InputError

DIGITS = 9
"""Points that agree to so many digits behind the point are the same, and share their cell."""
RIM = 0.95
"""Cells beyond this part of the largest radius may be cut off by the mirror a little too large."""


def voronoi_density_compensation(points: npt.ArrayLike) -> HostArray:
    """The weights (shot, sample) of ``points`` (shot, sample, 2) in a disc, as of radial and spiral trajectories.

    The cells on the rim are closed by mirror images of the outermost samples, half a spacing beyond them. Rasche et
    al., IEEE Trans. Med. Imaging 18 (1999) 385. Unit and scale as in `density_compensation`. Raises InputError for
    other shapes and where all samples lie on a line.

    >>> spokes = np.outer([1, -1j, -1, 1j], np.arange(4))
    >>> voronoi_density_compensation(np.stack([spokes.real, spokes.imag], axis=-1))[0].round(2).tolist()
    [0.25, 2.0, 4.0, 6.0]
    """
    k = np.asarray(points, dtype=np.float64)
    if k.ndim != 3 or k.shape[-1] != 2 or not np.isfinite(k).all():
        raise InputError("Voronoi cells are of points in a plane", expected="(shot, sample, 2), finite", got=k.shape)
    sites, place, counts = np.unique(
        k.reshape(-1, 2).round(DIGITS) + 0.0, axis=0, return_inverse=True, return_counts=True
    )
    if np.linalg.matrix_rank(sites - sites.mean(axis=0)) < 2:
        raise InputError("samples on a line have no Voronoi cells", expected="a radial or spiral trajectory")
    areas = _areas(np.concatenate([sites, _mirrored(sites)]))[: len(sites)]
    radii = np.hypot(*sites.T)
    inner = areas[(radii <= RIM * radii.max()) & np.isfinite(areas)]
    areas = np.minimum(areas, 2 * inner.max() if len(inner) else np.inf)
    return (areas / counts)[place.ravel()].reshape(k.shape[:2])


def _areas(sites: HostArray) -> HostArray:
    """The areas of all cells: an edge of one, seen from its site, spans a triangle of the height half the distance to
    the site beyond it. Open cells have infinity."""
    cells = Voronoi(sites)
    edges, sides = np.array(cells.ridge_vertices), cells.ridge_points
    lengths = np.linalg.norm(np.diff(cells.vertices[edges], axis=1)[:, 0], axis=-1)
    heights = np.linalg.norm(np.diff(sites[sides], axis=1)[:, 0], axis=-1) / 2
    triangles = np.where((edges < 0).any(axis=1), np.inf, lengths * heights / 2)
    first, second = (np.bincount(side, triangles, minlength=len(sites)) for side in sides.T)
    return np.asarray(first + second)


def _mirrored(sites: HostArray) -> HostArray:
    """The outermost sites beyond a circle half a spacing outside them."""
    radii = np.hypot(*sites.T)
    spacing = _spacing(sites, radii)
    chosen = radii > max(radii.max() - 4 * spacing, 0)
    return np.asarray(sites[chosen] * ((2 * radii.max() + spacing) / radii[chosen] - 1)[:, None])


def _spacing(sites: HostArray, radii: HostArray, n_probes: int = 32) -> float:
    """How far inwards, within 45 degrees, the outermost sites have their nearest neighbours: their median."""
    spacings = []
    outermost = np.argsort(-radii, kind="stable")[:n_probes]
    for probe in outermost[radii[outermost] > radii.max() / 2]:
        towards = sites[probe] / radii[probe]
        offsets = sites[probe] - sites
        inwards, across = offsets @ towards, abs(offsets @ np.array([-towards[1], towards[0]]))
        spacings.append(inwards[(inwards > 0) & (across <= inwards)].min(initial=radii[probe]))
    return float(np.median(spacings))
