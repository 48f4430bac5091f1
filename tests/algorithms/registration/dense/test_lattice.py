"""Splines on a lattice: as the transform maps, with their exact adjoint."""

import numpy as np

from scanmill.algorithms.registration.dense.free_form import conjugate_gradients
from scanmill.algorithms.registration.dense.lattice import Lattice, Splines, band_of
from scanmill.algorithms.registration.dense.level import Level
from scanmill.data.transforms import DisplacementField
from scanmill.geometry import VolumeGeometry

GRID = VolumeGeometry.centered((9, 14, 16), (1.0, 1.5, 2.0))


def level(factors=(1, 1, 1)):
    shape = tuple(-(-n // f) for n, f in zip(GRID.shape, reversed(factors), strict=True))
    image = np.zeros(shape, np.float32)
    whole = tuple(slice(0, n) for n in GRID.shape)
    return Level(image, image, image, np.eye(3, 4, dtype=np.float32), factors, (1.0, 1.0, 1.0), whole)


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_values_are_the_transform_in_voxels():
    lattice = Lattice.over(GRID, 3.0)
    coefficients = noise((3, *lattice.shape))
    field = DisplacementField.sampled(lattice.transform(coefficients), GRID).array / np.array(GRID.spacing)
    for factors in ((1, 1, 1), (2, 2, 1)):
        thin = tuple(slice(None, None, f) for f in reversed(factors))
        ours = Splines(lattice, level(factors)).values(coefficients)
        np.testing.assert_allclose(np.moveaxis(ours, 0, -1), field[thin], atol=2e-5)


def test_the_adjoint():
    lattice = Lattice.over(GRID, 2.5)
    splines = Splines(lattice, level())
    x, y = noise((3, *lattice.shape), 1), noise((3, *GRID.shape), 2)
    left = (splines.values(x) * y).sum(dtype=np.float64)
    right = (x * splines.adjoint(y)).sum(dtype=np.float64)
    assert abs(left - right) < 1e-5 * np.linalg.norm(splines.values(x)) * np.linalg.norm(y)


def test_a_band_holds_its_matrix():
    matrix = np.triu(np.tril(noise((7, 9), 3), 2), -1)
    weights, firsts = band_of(matrix)
    filled = np.zeros_like(matrix)
    for row, first, values in zip(filled, firsts, weights, strict=True):
        row[first : first + len(values)] = values
    assert np.array_equal(filled, matrix)


def test_conjugate_gradients_solve():
    root = noise((6, 6), 4)
    matrix = root @ root.T + 6 * np.eye(6, dtype=np.float32)
    right = noise(6, 5)
    found = conjugate_gradients(lambda x: matrix @ x, right, np.diag(matrix), 20)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-5)
