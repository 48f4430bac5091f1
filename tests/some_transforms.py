"""Transforms of every kind, each with its twin in SimpleITK, and grids that lie askew."""

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy.spatial.transform import Rotation

from scanmill.data.transforms import Affine, BSpline, DisplacementField, Rigid, Similarity, Translation
from scanmill.geometry import VolumeGeometry


def askew(shape=(7, 8, 9), seed=0, spacing=(1.1, 0.8, 2.0), origin=(-5.0, 3.0, 1.0), mirrored=False):
    """A turned (and mirrored) grid with three spacings."""
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix() @ np.diag([1, 1, -1 if mirrored else 1])
    return VolumeGeometry(shape, spacing, origin, tuple(map(tuple, turn)))


def smooth_vectors(grid, size_mm=2.0, seed=0):
    """Random vectors (z, y, x, 3) of a few waves over the grid."""
    rng = np.random.default_rng(seed)
    z, y, x = (np.linspace(0, 1, n).reshape([-1 if a == axis else 1 for a in range(3)]) for axis, n in
               enumerate(grid.shape))  # fmt: skip
    waves = [rng.uniform(0.5, 1.5, 3) * np.pi for _ in range(3)]
    phases = rng.uniform(0, 6, 3)
    return size_mm * np.stack(
        [np.sin(w[0] * x + w[1] * y + w[2] * z + p) for w, p in zip(waves, phases, strict=True)], axis=-1
    )


def linear_pairs(seed=0):
    """Pairs (ours, SimpleITK's) by name."""
    rng = np.random.default_rng(seed)
    angles, shift, center = rng.uniform(-1, 1, 3), rng.uniform(-20, 20, 3), rng.uniform(-50, 50, 3)
    versor, scale = rng.uniform(-0.5, 0.5, 3), float(rng.uniform(0.5, 2))
    matrix = np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3))
    euler, zyx = (sitk.Euler3DTransform(center, *angles, shift) for _ in range(2))
    zyx.SetComputeZYX(True)
    full = [*versor, np.sqrt(1 - versor @ versor)]
    return {
        "translation": (Translation(shift), sitk.TranslationTransform(3, shift)),
        "euler": (Rigid.from_euler(angles, shift, center), euler),
        "euler zyx": (Rigid.from_euler(angles, shift, center, order="ZYX"), zyx),
        "versor": (Rigid(versor, shift, center=center), sitk.VersorRigid3DTransform(full, shift, center)),
        "similarity": (
            Similarity(versor, shift, scale, center),
            sitk.Similarity3DTransform(scale, full, shift, center),
        ),
        "affine": (Affine(matrix, shift, center), sitk.AffineTransform(matrix.ravel(), shift, center)),
    }


def bspline_pair(grid, seed=0, size_mm=1.5):
    """A free form over ``grid``."""
    rest = BSpline.over(grid, (2, 3, 4))
    coefficients = np.random.default_rng(seed).uniform(-size_mm, size_mm, (*rest.lattice.shape, 3))
    ours = BSpline(coefficients, rest.lattice)
    theirs = sitk.BSplineTransform([image_of(coefficients[..., axis], rest.lattice) for axis in range(3)], 3)
    return ours, theirs


def field_pair(grid, seed=0, size_mm=2.0):
    """A displacement field on ``grid``."""
    vectors = smooth_vectors(grid, size_mm, seed)
    return DisplacementField(vectors, grid), sitk.DisplacementFieldTransform(image_of(vectors, grid))


def all_pairs(seed=0):
    """Every kind."""
    grid = askew(seed=seed)
    return {**linear_pairs(seed), "b-spline": bspline_pair(grid, seed), "field": field_pair(grid, seed)}


def image_of(array, grid):
    """A SimpleITK image; vectors where there is a fourth axis."""
    image = sitk.GetImageFromArray(array, isVector=array.ndim == 4)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(np.ravel(grid.direction).tolist())
    return image


def points_around(grid, n=200, seed=1, margin=1.5):
    """Points in the grid and up to ``margin`` voxels around it."""
    sizes = np.array(grid.shape[::-1])
    return grid.to_points(np.random.default_rng(seed).uniform(-margin, sizes - 1 + margin, (n, 3)))


def mapped_by(theirs, points):
    """The points by SimpleITK, one by one."""
    return np.array([theirs.TransformPoint(point) for point in points.tolist()])
