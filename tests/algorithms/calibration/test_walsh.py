"""Adaptive combination against the definition, done voxel by voxel, and against true coils."""

import numpy as np
import pytest

from scanmill.algorithms.calibration import walsh
from scanmill.errors import InputError, SpecError


def test_every_voxel_has_the_eigenvector_of_its_neighbourhood():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((1, 3, 4, 7, 6)) + 1j * rng.standard_normal((1, 3, 4, 7, 6))
    maps = walsh(images, width=3)[0, 0]
    for z, y, x in [(0, 0, 0), (1, 3, 2), (3, 6, 5), (2, 0, 4)]:
        window = tuple(slice(max(i - 1, 0), i + 2) for i in (z, y, x))
        patch = images[(0, slice(None), *window)].reshape(3, -1)
        values, vectors = np.linalg.eigh(patch @ patch.conj().T)
        if values[-1] > 1.1 * values[-2]:
            assert abs(vectors[:, -1].conj() @ maps[:, z, y, x]) == pytest.approx(1, abs=1e-4)


def test_without_noise_and_neighbours_it_is_the_normalised_image():
    rng = np.random.default_rng(1)
    images = rng.standard_normal((2, 4, 1, 8, 8)) + 1j * rng.standard_normal((2, 4, 1, 8, 8))
    maps = walsh(images, width=1)[:, 0]
    unit = images / np.linalg.norm(images, axis=1, keepdims=True)
    np.testing.assert_allclose(abs((unit.conj() * maps).sum(axis=1)), 1, atol=1e-5)


def test_maps_are_the_true_sensitivities(scan):
    maps = walsh(scan.images)
    assert maps.shape == (1, 1, 6, 1, 96, 80)
    assert maps.dtype == np.complex64
    agreement = scan.agreement(maps[0, 0])
    assert agreement.mean() > 0.998

    def error(sensitivities):
        combined = abs((sensitivities.conj() * scan.images[0]).sum(axis=0))
        return np.linalg.norm((combined - scan.object * scan.root)[scan.inside])

    assert error(maps[0, 0]) < 1.05 * error(scan.sensitivities), "as good an image as with the true sensitivities"


def test_bad_images_are_refused(scan):
    with pytest.raises(SpecError, match="odd"):
        walsh(scan.images, width=4)
    with pytest.raises(InputError, match="another shape"):
        walsh(scan.images[0])
    with pytest.raises(InputError, match="finite"):
        walsh(scan.images * np.inf)
