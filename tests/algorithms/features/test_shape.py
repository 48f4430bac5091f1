"""Shapes against solids whose shape is known, scikit-image's marching cubes and its region properties."""

import itertools

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes, mesh_surface_area, regionprops

from scanmill.algorithms.features import shape_features, shapes_of_labels, surface_mesh
from scanmill.algorithms.features.surface_mesh import cube_triangles
from scanmill.data import Labels
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


def blob(seed, shape=(14, 16, 18)):
    """Smooth, so that hardly a cube is ambiguous: there implementations differ."""
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5) > 0.0


def ellipsoid(semi_axes, spacing):
    """A mask (z, y, x) of an ellipsoid with semi-axes (x, y, z) in mm."""
    n = [2 * int(np.ceil(a / s)) + 3 for a, s in zip(semi_axes, spacing, strict=True)]
    x, y, z = (s * (np.arange(k) - (k - 1) / 2) for k, s in zip(n, spacing, strict=True))
    a, b, c = semi_axes
    return (x / a) ** 2 + (y[:, None] / b) ** 2 + (z[:, None, None] / c) ** 2 <= 1


@pytest.mark.parametrize(("seed", "spacing"), [(0, (1.0, 1.0, 1.0)), (1, (0.7, 1.0, 2.5)), (2, (3.0, 1.0, 1.0))])
def test_the_mesh_as_marching_cubes_of_scikit_image(seed, spacing):
    mask = blob(seed)
    ours = surface_mesh(mask, spacing)
    padded = np.pad(mask, 1).astype(float)
    points, faces, _, _ = marching_cubes(padded, 0.5, spacing=spacing[::-1], method="lorensen")
    corners = points[faces].astype(np.float64)
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert ours.area == pytest.approx(mesh_surface_area(points, faces), rel=1e-3)
    assert ours.volume == pytest.approx(abs(volume), rel=2e-3)


def test_every_surface_is_closed():
    """The area vectors of a closed surface add up to zero, and every edge belongs to as many triangles each way."""
    noise = np.random.default_rng(5).uniform(size=(6, 7, 8)) < 0.5
    corners, kind = cube_triangles()
    padded = np.pad(noise, 1)
    edges = {}
    for place in np.ndindex(*(n - 1 for n in padded.shape)):
        cube = padded[tuple(slice(p, p + 2) for p in place)].ravel()
        for triangle in corners[kind == (cube << np.arange(8)).sum()] + place:
            for a, b in zip(triangle, np.roll(triangle, -1, axis=0), strict=True):
                edges[(*a, *b)] = edges.get((*a, *b), 0) + 1
    assert all(edges.get((*edge[3:], *edge[:3]), 0) == n for edge, n in edges.items())


def test_turning_a_mask_does_not_change_its_mesh():
    mask = np.random.default_rng(6).uniform(size=(5, 6, 7)) < 0.6
    plain = surface_mesh(mask)
    for order, flips in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        turned = surface_mesh(mask.transpose(order)[tuple(slice(None, None, f) for f in flips)])
        assert turned == pytest.approx(plain, rel=1e-9)


def test_a_cuboid():
    """A cuboid between the voxels' middles, on it half a voxel, wedges along the edges, tetrahedra at the corners."""
    n = np.array((6, 7, 8))
    mesh = surface_mesh(np.ones(n))
    pairs = n - 1
    faces = 2 * (pairs[0] * pairs[1] + pairs[0] * pairs[2] + pairs[1] * pairs[2])
    assert mesh.area == pytest.approx(faces + 4 * pairs.sum() * np.sqrt(0.5) + 8 * np.sqrt(3) / 8)
    assert mesh.volume == pytest.approx(pairs.prod() + faces / 2 + 4 * pairs.sum() / 8 + 8 / 48)


@pytest.mark.parametrize(("semi_axes", "spacing"), [((12, 12, 12), (1, 1, 1)), ((20, 12, 9), (0.8, 0.8, 1.5))])
def test_ellipsoids(semi_axes, spacing):
    values = shape_features(ellipsoid(semi_axes, spacing), spacing)
    volume = 4 / 3 * np.pi * np.prod(semi_axes)
    assert values["volume"] == pytest.approx(volume, rel=0.02)
    assert values["voxel_volume"] == pytest.approx(volume, rel=0.02)
    longest, middle, shortest = sorted(semi_axes, reverse=True)
    # A solid ellipsoid's variance along an axis is a² / 5, so 4 √λ is 4 / √5 = 1.79 semi-axes, not 2.
    for name, semi_axis in (("major", longest), ("minor", middle), ("least", shortest)):
        assert values[f"{name}_axis_length"] == pytest.approx(4 / np.sqrt(5) * semi_axis, rel=0.02)
    assert values["elongation"] == pytest.approx(middle / longest, rel=0.02)
    assert values["flatness"] == pytest.approx(shortest / longest, rel=0.02)
    assert values["maximum_diameter"] == pytest.approx(2 * longest, rel=0.05)
    assert values["sphericity"] <= 1
    assert values["compactness_2"] == pytest.approx(values["sphericity"] ** 3)
    assert values["compactness_1"] == pytest.approx(values["compactness_2"] ** 0.5 / (6 * np.pi))


def test_as_region_properties_of_scikit_image():
    """A moment of inertia is the sum of the variances along both other axes; they divide by n, the IBSI by n − 1."""
    mask = np.where(ndimage.label(blob(3))[0] == 1, 1, 0)
    (theirs,) = regionprops(mask, spacing=(2.0, 1.0, 0.5))
    values = shape_features(mask, (0.5, 1.0, 2.0))
    assert values["voxel_volume"] == pytest.approx(theirs.area)
    moments = np.sort(theirs.inertia_tensor_eigvals)
    variances = (moments.sum() / 2 - moments) * mask.sum() / (mask.sum() - 1)
    axes = [values[f"{word}_axis_length"] for word in ("major", "minor", "least")]
    np.testing.assert_allclose(axes, 4 * np.sqrt(variances), rtol=1e-6)


def test_the_diameter_is_that_of_all_corners():
    mask = blob(4, (6, 7, 8))
    points, *_ = marching_cubes(np.pad(mask, 1).astype(float), 0.5, spacing=(2.0, 1.0, 0.5))
    assert shape_features(mask, (0.5, 1.0, 2.0))["maximum_diameter"] == pytest.approx(pdist(points).max())


def test_labels_one_by_one():
    array = np.zeros((4, 6, 8), np.int16)
    array[1:3, 1:4, 1:3] = 2
    array[0:2, 3:5, 5:8] = -1
    shapes = shapes_of_labels(Labels(array, VolumeGeometry(array.shape, (0.5, 1.0, 2.0))))
    assert set(shapes) == {-1, 2}
    assert shapes[2] == shape_features(array == 2, (0.5, 1.0, 2.0))
    assert shapes[2]["voxel_volume"] == 12.0


def test_small_and_flat_masks():
    voxel = shape_features(np.ones((1, 1, 1)), (1.0, 1.0, 1.0))
    assert (voxel["elongation"], voxel["flatness"], voxel["maximum_diameter"]) == (1.0, 1.0, 1.0)
    plane = shape_features(np.ones((9, 9)))
    assert plane["flatness"] == 0.0
    assert plane == shape_features(np.ones((1, 9, 9)))
    with pytest.raises(InputError, match="empty"):
        shape_features(np.zeros((3, 3, 3)))
    with pytest.raises(InputError, match="three positive spacings"):
        shape_features(np.ones((3, 3, 3)), (1.0, 1.0))
