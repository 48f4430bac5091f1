"""The noise that was put in must be found, under structure and shading too."""

import numpy as np
import pytest
from skimage.data import camera

from scanmill.algorithms.quality import noise_in_region, noise_sigma
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms import chest, head


@pytest.mark.parametrize("phantom", [chest(), head()])
@pytest.mark.parametrize("sigma", [0.0003, 0.003])
def test_sigma_under_a_phantom(phantom, sigma):
    clean = phantom.voxels(VolumeGeometry.centered((2, 256, 256), (1.5, 1.5, 1.5)), supersampling=2).array
    noisy = clean + np.random.default_rng(3).normal(0, sigma, clean.shape)
    assert noise_sigma(noisy) == pytest.approx(sigma, rel=0.12)


def test_sigma_under_a_photograph():
    clean = camera().astype(np.float64)
    noisy = clean + np.random.default_rng(3).normal(0, 20.0, clean.shape)
    assert noise_sigma(noisy) == pytest.approx(20.0, rel=0.1)


def test_edges_ramps_and_empty_margins_are_not_noise():
    y, x = np.indices((64, 64))
    assert noise_sigma(0.5 * x - 2.0 * y) < 1e-12
    assert noise_sigma(np.zeros((64, 64))) == 0.0
    noisy = np.zeros((128, 128))
    noisy[40:90, 40:90] = np.random.default_rng(0).normal(0, 2.0, (50, 50))
    assert noise_sigma(noisy) == pytest.approx(2.0, rel=0.1)


def test_a_region_with_shading():
    rng = np.random.default_rng(1)
    z, y, x = np.indices((4, 40, 40))
    image = 3.0 + 0.05 * x - 0.02 * y + 0.1 * z + rng.normal(0, 0.2, x.shape)
    region = (x - 20) ** 2 + (y - 20) ** 2 < 15**2
    assert noise_in_region(image, region) == pytest.approx(0.2, rel=0.05)
    assert noise_in_region(image[:1], region[:1]) == pytest.approx(0.2, rel=0.1)
    assert image[region].std() > 0.4


def test_too_little_is_refused():
    image = np.zeros((8, 8))
    with pytest.raises(InputError, match="16 voxels"):
        noise_in_region(image, image > 1)
    with pytest.raises(InputError, match="16 voxels"):
        noise_in_region(image, np.ones((4, 16), bool))
    with pytest.raises(InputError, match="planes"):
        noise_sigma(np.zeros((2, 9)))
