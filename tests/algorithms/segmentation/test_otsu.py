"""Otsu's threshold against scikit-image's and against exhaustive search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import camera
from skimage.filters import threshold_otsu

from scanmill.algorithms.segmentation import otsu_threshold
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms import chest, shepp_logan_2d

GRID = VolumeGeometry.centered((1, 128, 128), (3.0, 3.0, 3.0))


@pytest.mark.parametrize("n_bins", [256, 64])
@pytest.mark.parametrize("phantom", [chest(), shepp_logan_2d()])
def test_as_scikit_image(phantom, n_bins):
    image = phantom.voxels(GRID).array
    noisy = image + np.random.default_rng(1).normal(0, 0.002, image.shape).astype(np.float32)
    assert otsu_threshold(noisy, n_bins=n_bins) == pytest.approx(threshold_otsu(noisy, nbins=n_bins), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.05, 0.95), contrast=st.floats(0.5, 10.0))
def test_as_scikit_image_on_two_populations(seed, share, contrast):
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1, 2000) + contrast * (rng.random(2000) < share)
    assert otsu_threshold(image) == pytest.approx(threshold_otsu(image), abs=1e-9)


def test_integers():
    image = camera()
    assert abs(otsu_threshold(image) - threshold_otsu(image)) <= 1


def test_two_clear_classes_are_parted():
    image = np.where(np.indices((50, 50)).sum(axis=0) < 40, 0.2, 0.7)
    assert 0.2 <= otsu_threshold(image) < 0.7


@pytest.mark.parametrize("bad", [np.full((3, 3), 2.0), np.array([1.0, np.nan]), np.array([1.0, np.inf])])
def test_what_cannot_be_parted_is_refused(bad):
    with pytest.raises(InputError):
        otsu_threshold(bad)
