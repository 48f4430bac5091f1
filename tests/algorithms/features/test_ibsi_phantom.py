"""Statistics, textures and shapes of the published digital phantom must come out as the published values."""

import numpy as np
import pytest

import ibsi_phantom
from scanmill.algorithms.features import (
    cooccurrence_matrices,
    grey_levels,
    intensity_statistics,
    level_statistics,
    shape_features,
    texture_features,
)
from scanmill.algorithms.features.intensity_statistics import STATISTICS
from scanmill.algorithms.features.shape import SHAPES
from scanmill.algorithms.features.texture import TEXTURES

LEVELS = grey_levels(ibsi_phantom.VOXELS, ibsi_phantom.REGION, bin_width=1.0)


def agree(values, published):
    """To the three digits that the manual prints."""
    for name, value in published.items():
        assert float(f"{values[name]:.3g}") == pytest.approx(value, rel=1e-9), name


def test_statistics():
    agree(intensity_statistics(ibsi_phantom.VOXELS, ibsi_phantom.REGION), ibsi_phantom.STATISTICS)
    agree(level_statistics(LEVELS), ibsi_phantom.HISTOGRAM)
    assert set(ibsi_phantom.STATISTICS) == set(STATISTICS)


def test_levels_are_the_phantoms_own():
    np.testing.assert_array_equal(LEVELS, ibsi_phantom.VOXELS)


def test_texture():
    counts = cooccurrence_matrices(LEVELS)
    assert counts.shape == (13, 6, 6)
    agree(texture_features(counts), ibsi_phantom.TEXTURE_MERGED)
    agree(texture_features(counts, aggregation="averaged"), ibsi_phantom.TEXTURE_AVERAGED)
    assert set(ibsi_phantom.TEXTURE_MERGED) == set(TEXTURES)


@pytest.mark.parametrize("aggregation", ["averaged", "merged"])
def test_texture_slice_by_slice(aggregation):
    slices = [texture_features(cooccurrence_matrices(s, 6), aggregation=aggregation) for s in LEVELS]
    means = {name: np.mean([one[name] for one in slices]) for name in TEXTURES}
    agree(means, ibsi_phantom.TEXTURE_OF_SLICES[aggregation])


def test_shape():
    agree(shape_features(ibsi_phantom.REGION, ibsi_phantom.SPACING), ibsi_phantom.MORPHOLOGY)
    assert set(ibsi_phantom.MORPHOLOGY) == set(SHAPES)
