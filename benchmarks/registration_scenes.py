"""Pairs of brains with a known map between them, made from the ICBM152 atlas by seeds, and how a found map is judged.

A pair is warped once, by cubic splines, through the exact inverse of its truth. All seeds have the same size of turn,
stretch and shift; their signs, the smooth field, the bias and the noise are each seed's own.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import cluster, ndimage, spatial

from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, DisplacementField, Rigid, Transform, jacobian_determinant
from scanmill.data.transforms.displacement import slabs
from scanmill.geometry import VolumeGeometry
from scanmill.io.nifti import read_nifti

ATLAS = "mni152_atlas/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
WHITE = 255.0
"""The atlas's largest value, of T1 and of the maps of tissue."""
MARGIN = 16
"""Voxels of 1 mm around the atlas, lest the moved brain leaves the image."""
ANGLES, STRETCHES, SHEAR, SHIFT = np.radians([8.0, -6.0, 10.0]), (1.05, 0.96, 1.03), 0.03, np.array([7.0, -5.0, 4.0])
FIELD_SIGMA_MM, FIELD_PEAK_MM = 12.0, 8.0
GAMMA, BIAS, BIAS_SIGMA_MM, NOISE = 0.8, 0.2, 25.0, 0.03
"""The bias is the brightness's range over the brain; the noise is told in units of the whole range of grey values."""
N_PARCELS = 60
"""Clusters of the brain's places; with two tissues 120 labels."""
GM, WM = 1, 2

Kind = Literal["rigid", "mono", "multi"]


@dataclass(frozen=True)
class Scene:
    """``truth`` maps fixed points to moving points. Labels are tissue + 2 * parcel: 1, 3, ... grey, 2, 4, ... white."""

    title: str
    fixed: Volume
    moving: Volume
    mask: Labels
    truth: Transform
    fixed_labels: Labels
    moving_labels: Labels


@dataclass(frozen=True)
class Errors:
    """Over the brain: distances from the truth in mm, Dice of grey and white matter and the parcels' mean, det J."""

    rms: float
    median: float
    p95: float
    dice: tuple[float, float, float]
    jacobian_min: float
    folded: float

    def __str__(self):
        grey, white, parcels = self.dice
        return (
            f"RMS {self.rms:.3f} mm, median {self.median:.3f}, p95 {self.p95:.2f}; Dice {grey:.3f}/{white:.3f}/"
            f"{parcels:.3f}; least det J {self.jacobian_min:.2f}, folded {self.folded:.4%}"
        )


def scene(kind: Kind, seed: int = 0, spacing_mm: float = 2.0) -> Scene:
    """One pair: ``rigid`` and ``multi`` with the contrast inverted, ``mono`` and ``multi`` affine and deformed."""
    fixed, labels, mask = anatomy(spacing_mm)
    rng = np.random.default_rng(seed)
    linear = _linear(kind, rng, mask)
    field = None if kind == "rigid" else _field(rng)
    moving, moving_labels = _moved(fixed, labels, linear, field)
    seen = _seen(moving, fixed.geometry, rng, inverted=kind != "mono")
    title = f"{kind}, {spacing_mm:g} mm, seed {seed}"
    truth = linear if field is None else linear @ field
    moved = Labels(moving_labels, labels.geometry)
    return Scene(title, fixed, Volume(seen, fixed.geometry), mask, truth, labels, moved)


@lru_cache(maxsize=2)
def anatomy(spacing_mm: float) -> tuple[Volume, Labels, Labels]:
    """T1 from 0 to 1, labels and the brain's mask, on a grid of 1 mm or, smoothed before, of a multiple of that."""
    step = round(spacing_mm)
    root = Path(os.environ.get("SCANMILL_DATA", "shared/data"))
    t1, grey, white = (read_nifti(root / ATLAS.format(name)) for name in ("t1", "gm", "wm"))
    arrays = []
    for image in (t1, grey, white):
        padded = np.pad(image.array / np.float32(WHITE), MARGIN)
        arrays.append((ndimage.gaussian_filter(padded, 0.4 * step) if step > 1 else padded)[::step, ::step, ::step])
    corner = t1.geometry.to_points([-MARGIN] * 3)
    grid = VolumeGeometry(arrays[0].shape, tuple(step * s for s in t1.geometry.spacing), corner, t1.geometry.direction)
    mask = ndimage.binary_fill_holes(arrays[1] + arrays[2] > 0.25)
    labels = _parcels(arrays[1], arrays[2], mask, grid)
    return Volume(arrays[0], grid), labels, Labels(mask, grid)


def _parcels(grey, white, mask, grid):
    """Grey and white matter, each parted by the nearest of the centres that k-means finds among the brain's places."""
    tissue = np.where(np.maximum(grey, white) > 0.5, np.where(grey > white, GM, WM), 0) * mask
    points = grid.to_points(np.argwhere(mask)[:, ::-1])
    rng = np.random.default_rng(152)
    some = points[rng.choice(len(points), 20_000, replace=False)]
    centres, _ = cluster.vq.kmeans2(some, N_PARCELS, minit="++", rng=rng)
    parcels = np.zeros(grid.shape, np.uint8)
    parcels[mask] = spatial.KDTree(centres).query(points)[1]
    return Labels(np.where(tissue > 0, tissue + 2 * parcels, 0).astype(np.uint8), grid)


def _linear(kind, rng, mask):
    """A turn and a shift about the brain's middle, for deformed pairs a stretch and shear before."""
    middle = mask.geometry.to_points(np.argwhere(mask.array)[:, ::-1]).mean(axis=0)
    angles, shift, shear = rng.choice([-1.0, 1.0], (3, 3)) * [ANGLES, SHIFT, [SHEAR] * 3]
    rotation = Rigid.from_euler(angles, order="ZYX").rotation
    if kind == "rigid":
        return Rigid.from_matrix(rotation, shift, middle)
    stretch = np.diag(STRETCHES)
    stretch[np.triu_indices(3, 1)] = shear
    return Affine(rotation @ stretch, shift, middle)


def _field(rng):
    """A smooth field on the grid of 2 mm, whatever the images' grid is; it peaks in the brain and must not fold."""
    grid = anatomy(2.0)[0].geometry
    noise, brain = _smooth(rng, 3, FIELD_SIGMA_MM)
    field = DisplacementField(noise * (FIELD_PEAK_MM / np.linalg.norm(noise[brain], axis=-1).max()), grid)
    least = float(jacobian_determinant(field, grid).array.min())
    if least <= 0:
        raise ValueError(f"the field of this seed folds: least det J {least:.2f}; take another seed")
    return field


def _smooth(rng, n, sigma_mm):
    """Noise (z, y, x, n) on the grid of 2 mm under a Gaussian, and the brain's mask."""
    mask = anatomy(2.0)[2].array
    noise = ndimage.gaussian_filter(rng.standard_normal((n, *mask.shape)), (0.0, *[sigma_mm / 2] * 3), mode="wrap")
    return np.moveaxis(noise, 0, -1), mask


def _moved(image, labels, linear, field):
    """Voxels and labels at the exact pre-images of the grid's points; far from the head there is nothing."""
    grid = image.geometry
    reach = ndimage.distance_transform_edt(image.array <= 0, grid.spacing[::-1]) <= 2 * FIELD_PEAK_MM
    spline = ndimage.spline_filter(image.array, 3, output=np.float32)
    out, out_labels = np.zeros(grid.shape, np.float32), np.zeros_like(labels.array)
    for planes, points in slabs(grid):
        undone = linear.inverse().map(points)
        near = ndimage.map_coordinates(reach, _places(grid, undone), order=0)
        places = _places(grid, undone[near] if field is None else field.inverse().map(undone[near]))
        out[planes][near] = ndimage.map_coordinates(spline, places, order=3, prefilter=False).clip(0, 1)
        out_labels[planes][near] = ndimage.map_coordinates(labels.array, places, order=0)
    return out, out_labels


def _places(grid, points):
    """Indices (3, ...) as (z, y, x), as SciPy takes them."""
    return np.moveaxis(grid.to_indices(points)[..., ::-1], -1, 0)


def _seen(image, grid, rng, *, inverted):
    """As a scanner of another kind would see it: contrast, bias and noise."""
    contrast = _inverted(image) if inverted else image**GAMMA
    coarse, (noise, brain) = anatomy(2.0)[0].geometry, _smooth(rng, 1, BIAS_SIGMA_MM)
    bias = BIAS * noise[..., 0] / np.ptp(noise[brain])
    for planes, points in slabs(grid):
        contrast[planes] *= 1 + ndimage.map_coordinates(bias, _places(coarse, points), order=1, mode="nearest")
    real, imaginary = NOISE * rng.standard_normal((2, *grid.shape), dtype=np.float32)
    return (1000 * np.hypot(contrast + real, imaginary)).astype(np.float32)


def _inverted(image):
    """Dark outside, brightest in fluid, white matter darker than grey: not monotone."""
    return (1 - np.exp(-((image / 0.12) ** 2))) * (1.1 - image)


def errors(scene: Scene, estimated: Transform | np.ndarray) -> Errors:
    """How far a map, or the moving image's coordinates (z, y, x, 3) in LPS mm at the fixed voxels, is off."""
    grid, brain = scene.fixed.geometry, np.asarray(scene.mask.array, bool)
    if isinstance(estimated, Transform):
        estimated = np.concatenate([estimated.map(points) for _, points in slabs(grid)])
    coordinates = np.asarray(estimated, np.float64)
    truth = scene.truth.map(grid.to_points(np.argwhere(brain)[:, ::-1]))
    off = np.linalg.norm(coordinates[brain] - truth, axis=-1)
    determinants = _determinants(coordinates, grid)[brain]
    return Errors(
        float(np.sqrt(np.mean(off**2))),
        float(np.median(off)),
        float(np.percentile(off, 95)),
        _dice(scene, coordinates, brain),
        float(determinants.min()),
        float((determinants <= 0).mean()),
    )


def _determinants(coordinates, grid):
    columns = [np.gradient(coordinates, grid.spacing[axis], axis=2 - axis) for axis in range(3)]
    turned = np.einsum("...i,...i->...", columns[0], np.cross(columns[1], columns[2]))
    return turned / np.linalg.det(np.asarray(grid.direction))


def _dice(scene, coordinates, brain):
    """Of grey, of white, and the mean of all parcels, each of the brain's voxels with the nearest moving label."""
    places = _places(scene.moving.geometry, coordinates[brain])
    found, there = ndimage.map_coordinates(scene.moving_labels.array, places, order=0), scene.fixed_labels.array[brain]
    grey, white = (_overlap(_tissue(there) == t, _tissue(found) == t)[1] for t in (GM, WM))
    return float(grey), float(white), float(_overlap(there, found)[1:].mean())


def _tissue(labels):
    return np.where(labels > 0, (labels.astype(np.int16) - 1) % 2 + 1, 0)


def _overlap(a, b):
    """Dice by label, from 0 up to the largest of ``a``."""
    n = int(a.max()) + 1
    both, in_a, in_b = (np.bincount(x.ravel(), minlength=n)[:n] for x in (a * (a == b), a, b))
    return 2 * both / (in_a + in_b)
